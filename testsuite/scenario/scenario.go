package scenario

import (
	"context"
	"errors"

	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

// Scenario is a stack and what is played on it.
type Scenario struct {
	*stack.Stack
	Client      client.Client      // of the stack's Temporal
	Application *traffic.Writer    // nil before it writes
	Changes     []string           // how the plan was shortened, for people to see
	Workers     map[string]*Worker // by host, "control" or "keys"
	WAL         *Worker            // the primary's WAL daemon; nil before Protect

	options Options
	service string // that owns the database
	role    string // the application's
	before  counts // rows before the damage
}

// Open starts the stack and shortens its plan. Close it.
func Open(ctx context.Context, options Options) (*Scenario, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	under := stack.Options{PlanFile: options.PlanFile, BinDir: options.BinDir, Log: options.Log}
	options.Stack(&under)
	started, err := stack.Start(ctx, under)
	if err != nil {
		return nil, err
	}
	s := &Scenario{Stack: started, options: options, Workers: map[string]*Worker{}}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Scenario) prepare(ctx context.Context) error {
	if err := s.shorten(); err != nil {
		return err
	}
	database := s.Database()
	s.service, s.role = database.Service, database.Roles[0].Name
	var err error
	s.Client, err = client.DialContext(ctx, client.Options{HostPort: s.Temporal.Address, Namespace: s.Temporal.Namespace, Logger: quiet{}})
	return failure.Wrap(failure.Unavailable, err, "dial Temporal")
}

// Close ends everything. It may be called twice.
func (s *Scenario) Close() error {
	s.quiesce()
	return s.Stack.Close()
}

// CloseKeepingLogs ends everything but keeps the logs of all servers.
func (s *Scenario) CloseKeepingLogs() (logs string, err error) {
	s.quiesce()
	return s.Stack.CloseKeepingLogs()
}

func (s *Scenario) quiesce() {
	if s.Application != nil {
		s.Application.Stop()
	}
	if s.Client != nil {
		s.Client.Close()
	}
}

// quiet drops what the SDK says: the scenario returns what matters.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
