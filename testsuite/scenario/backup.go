package scenario

import (
	"context"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

// BackedUp is what `starter backup create -o json` prints.
type BackedUp struct {
	Set         recovery.SetSummary `json:"set"`
	ReusedBytes int64               `json:"reused_bytes"`
	Took        time.Duration       `json:"took_ns"`
}

// BackUp makes a base backup of the primary, on its host.
func (s *Scenario) BackUp(ctx context.Context) (BackedUp, error) {
	host := s.Primary.Host
	var made BackedUp
	// The same state as that host's worker keeps, so that later sets build on this one.
	err := s.Starter(ctx, &made, "backup", "create", "--database", s.Database().Name, "--host", host,
		"--signer", s.Keys.Signer[host], "--state-dir", filepath.Join(s.StateDir(host), "archive"))
	return made, err
}

// Sets lists the sets that are in the stores.
func (s *Scenario) Sets(ctx context.Context) ([]recovery.SetSummary, error) {
	var listed struct {
		Sets []recovery.SetSummary `json:"sets"`
	}
	err := s.Starter(ctx, &listed, "backup", "list", "--database", s.Database().Name)
	return listed.Sets, err
}

// WriteOn starts the application and returns once count rows were acknowledged.
func (s *Scenario) WriteOn(ctx context.Context, count int) error {
	if s.Application == nil {
		url := s.Pooler.URL(s.Pooler.Writer, s.role, s.Passwords[s.role])
		s.Application = traffic.Start("application", url, s.options.Write) //nolint:contextcheck // it writes on after this call, until it is stopped
	}
	return s.Application.AwaitMore(ctx, count)
}
