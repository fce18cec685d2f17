package stack

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"syscall"

	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Temporal is a running dev server. The namespace is default.
type Temporal struct {
	*Process
	Address   string // host:port, for TEMPORAL_ADDRESS
	UI        string // URL of the Web UI
	Namespace string
	CLI       string // path of the temporal program

	// Via holds the address at which a worker, by its name, reaches Temporal, where
	// that is not Address. It counts for workers that are started afterwards.
	Via map[string]string
}

// startTemporal starts a dev server that keeps its state in the run directory,
// so that it can be stopped and started again. The dynamic settings let it
// dispatch a task without the 50 ms its default rate limit costs.
func (s *Stack) startTemporal(ctx context.Context) error {
	path, err := find("temporal")
	if err != nil {
		return err
	}
	if path, err = s.borrow(path); err != nil {
		return err
	}
	grpc, web := strconv.Itoa(s.ports.temporal), strconv.Itoa(s.ports.ui)
	s.Temporal = &Temporal{
		Address: net.JoinHostPort("127.0.0.1", grpc), UI: "http://" + net.JoinHostPort("127.0.0.1", web),
		Namespace: client.DefaultNamespace, CLI: path, Via: map[string]string{},
	}
	return s.TemporalAgain(ctx)
}

// TemporalAgain starts the dev server, for the first time or after its end: it
// goes on with the state it kept.
func (s *Stack) TemporalAgain(ctx context.Context) (err error) {
	grpc, web := strconv.Itoa(s.ports.temporal), strconv.Itoa(s.ports.ui)
	s.Temporal.Process, err = s.processes.start(command{
		name: "temporal", path: s.Temporal.CLI, gentle: syscall.SIGINT,
		args: []string{
			"server", "start-dev", "--ip", "127.0.0.1", "--port", grpc, "--ui-ip", "127.0.0.1", "--ui-port", web,
			"--db-filename", filepath.Join(s.Dir, "temporal", "temporal.db"), "--log-level", "warn", "--disable-config-file", "--disable-config-env",
			"--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000",
			"--dynamic-config-value", "system.enableActivityEagerExecution=true",
		},
	})
	if err != nil {
		return err
	}
	return s.Temporal.ready(ctx, s.Temporal.probe)
}

// probe asks for the namespace: the port opens before it exists.
func (t *Temporal) probe(ctx context.Context) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: t.Address, Logger: silent{}})
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "dial Temporal")
	}
	defer c.Close()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: t.Address, Logger: silent{}})
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "dial Temporal")
	}
	defer namespaces.Close()
	_, err = namespaces.Describe(ctx, t.Namespace)
	return failure.Wrap(failure.Unavailable, err, "describe namespace %s", t.Namespace)
}

// silent drops what the SDK says about servers that are still starting.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
