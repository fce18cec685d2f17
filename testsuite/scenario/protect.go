package scenario

import (
	"context"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// seed of the data set: the same rows on every machine.
const seed = 1

// Worker is one process that is at work beside the servers, and how to start it again.
type Worker struct {
	*stack.Process
	start func(context.Context) (*stack.Process, error)
}

// Load fills the database.
func (s *Scenario) Load(ctx context.Context) error {
	connect := func(ctx context.Context) (*pgx.Conn, error) { return s.Connect(ctx) }
	if err := dataset.Load(ctx, connect, s.role, s.options.Size, seed); err != nil {
		return err
	}
	return s.Primary.Exec(ctx, s.Database().DBName, "CHECKPOINT")
}

// Connect connects to the database as its superuser.
func (s *Scenario) Connect(ctx context.Context) (*pgx.Conn, error) {
	return s.Primary.Connect(ctx, s.Database().DBName)
}

// Protect enrolls the database, and starts the WAL daemon and all workers.
func (s *Scenario) Protect(ctx context.Context) error {
	enroll := []string{"database", "enroll", "--database", s.Database().Name, "--host", s.Primary.Host}
	if err := s.Starter(ctx, nil, enroll...); err != nil {
		return err
	}
	s.WAL = &Worker{start: s.WALDaemon}
	if err := s.WAL.Again(ctx); err != nil {
		return err
	}
	return s.startWorkers(ctx)
}

// startWorkers starts a worker on every host the database and its endpoint live
// on, one for the control queue, and the key holder.
func (s *Scenario) startWorkers(ctx context.Context) error {
	s.Workers["control"] = &Worker{start: func(ctx context.Context) (*stack.Process, error) { return s.ControlWorker(ctx) }}
	s.Workers["keys"] = &Worker{start: s.KeyHolder}
	hosts := []string{s.Primary.Host, s.Replica.Host, s.Database().Endpoint.Host}
	for _, host := range hosts {
		s.Workers[host] = &Worker{start: func(ctx context.Context) (*stack.Process, error) { return s.HostWorker(ctx, host) }}
	}
	group, grouped := errgroup.WithContext(ctx)
	for _, worker := range s.Workers {
		group.Go(func() error { return worker.Again(grouped) })
	}
	return group.Wait()
}

// StartControl starts one more worker of the control queue under a name of its own.
func (s *Scenario) StartControl(ctx context.Context, name string) error {
	s.Workers[name] = &Worker{start: func(ctx context.Context) (*stack.Process, error) {
		return s.Worker(ctx, name, nil, "--queues", "control")
	}}
	return s.Workers[name].Again(ctx)
}

// Again starts the worker, for the first time or after its end.
func (w *Worker) Again(ctx context.Context) (err error) {
	w.Process, err = w.start(ctx)
	return err
}

// Restart kills a worker as a crash does and starts it again.
func (s *Scenario) Restart(ctx context.Context, name string) error {
	return s.Workers[name].Restart(ctx)
}

// Restart kills the process as a crash does and starts it again.
func (w *Worker) Restart(ctx context.Context) error {
	w.Kill()
	return w.Again(ctx)
}
