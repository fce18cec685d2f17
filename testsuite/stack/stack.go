package stack

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// startLimit bounds the start of everything, on a slow and busy machine.
const startLimit = 2 * time.Minute

// Stack is everything running.
type Stack struct {
	Dir      string     // private directory of this run
	Plan     *plan.Plan // overlaid
	PlanFile string     // the same, for commands and workers

	Temporal *Temporal
	Primary  *Postgres
	Replica  *Postgres
	Pooler   *Pooler
	S3       *objectstore.S3
	GCS      *objectstore.GCS
	Mail     *Mail
	Keys     Keys
	// Passwords by role; superuser and pgbouncer-admin by those names.
	Passwords map[string]config.Secret

	options     Options
	account     account
	database    *plan.Database
	postgresBin string
	processes   *processes
	ports       struct{ temporal, ui int }
}

// Start starts everything but workers, which Worker, HostWorker, ControlWorker
// and WALDaemon start. When it fails, nothing is left but the logs, whose place
// the error names. Close the stack.
func Start(ctx context.Context, options Options) (*Stack, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := options.complete(); err != nil {
		return nil, err
	}
	sweepDead(ctx, options.Log)
	s, err := prepare(options)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		logs, closing := s.CloseKeepingLogs()
		return nil, errors.Join(failure.Wrap(failure.ClassOf(err), err, "start the stack (logs: %s)", logs), closing)
	}
	return s, nil
}

func prepare(options Options) (*Stack, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	bin, err := findPostgres(options.PostgresBin)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", runPrefix)
	if err != nil {
		return nil, failure.Wrap(failure.Forbidden, err, "make the run directory")
	}
	s := &Stack{Dir: dir, options: options, account: as, postgresBin: bin, processes: newProcesses(dir, as, options.Log)}
	if err := markOwner(dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	// Others may pass through, so that the account reaches what is its own.
	return s, failure.Wrap(failure.Forbidden, os.Chmod(dir, 0o711), "open the run directory") // #nosec G302 -- see above
}

// start brings up what does not depend on one another at the same time.
func (s *Stack) start(ctx context.Context) error {
	begin := time.Now()
	for _, step := range []func() error{s.loadPlan, s.makeTree, s.makeSecrets, s.makeKeys, func() error { return s.choosePorts(ctx) }} {
		if err := step(); err != nil {
			return err
		}
	}
	var err error
	if s.Mail, err = startMail(ctx); err != nil {
		return err
	}
	group, grouped := errgroup.WithContext(ctx)
	group.Go(func() error { return s.startTemporal(grouped) })
	group.Go(func() error { return s.installBinaries(grouped) })
	group.Go(func() error {
		if err := s.startStores(grouped); err != nil {
			return err
		}
		s.overlay()
		return errors.Join(s.WritePlan(), s.startDatabase(grouped))
	})
	if err := group.Wait(); err != nil {
		return err
	}
	s.options.Log.Info("stack is up", zap.Duration("after", time.Since(begin)), zap.String("dir", s.Dir), zap.String("temporal", s.Temporal.UI))
	return nil
}

func (s *Stack) startDatabase(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.startPrimary, s.startReplica, s.startPooler} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) choosePorts(ctx context.Context) error {
	ports, err := freePorts(ctx, 7)
	if err != nil {
		return err
	}
	s.ports.temporal, s.ports.ui = ports[0], ports[1]
	s.Primary.Port, s.Primary.AsidePort = ports[2], ports[3]
	s.Replica.Port, s.Replica.AsidePort = ports[4], ports[5]
	s.Pooler.Port = ports[6]
	return nil
}

// Close ends every server, in reverse order, and removes the run directory.
// Calling it again does nothing.
func (s *Stack) Close() error {
	s.processes.stopAll()
	var errs []error
	if s.Mail != nil {
		errs = append(errs, s.Mail.close())
	}
	if s.GCS != nil {
		s.GCS.Stop()
	}
	if s.S3 != nil {
		s.S3.Stop()
	}
	errs = append(errs, stopPostmasters(s.Dir))
	errs = append(errs, failure.Wrap(failure.Forbidden, os.RemoveAll(s.Dir), "remove the run directory"))
	return errors.Join(errs...)
}

// CloseKeepingLogs closes the stack and returns where its logs are now.
func (s *Stack) CloseKeepingLogs() (logs string, err error) {
	logs, err = os.MkdirTemp("", "holdfast-logs-")
	if err == nil {
		s.processes.stopAll() // so that the logs are complete
		err = os.CopyFS(logs, os.DirFS(filepath.Join(s.Dir, "log")))
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil // it ended before there was a place for logs
	}
	if os.Remove(logs) == nil { // empty
		logs = "none, nothing had started"
	}
	return logs, errors.Join(failure.Wrap(failure.Unavailable, err, "keep the logs"), s.Close())
}
