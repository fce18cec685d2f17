package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/chaos/network"
	"github.com/terragonlabs/holdfast/testsuite/stack"
)

// fault is something that goes wrong for a while. What it broke is whole again
// once heal, which may be called at any time after, has returned.
type fault struct {
	name   string // as docs/faults.md has it
	inject func(b *bed) (heal func() error, err error)
}

// faults are those that may strike at any moment of any work.
func faults() []fault {
	var all []fault
	for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
		all = append(all, storeFaults(server)...)
	}
	all = append(all, temporalFaults()...)
	all = append(all, databaseFaults()...)
	for _, worker := range []string{"control", "keys", "primary", "wal daemon"} {
		all = append(all, workerFaults(worker)...)
	}
	return all
}

// onTheWay breaks the way to a server.
func onTheWay(name, server string, do func(*network.Way) error) fault {
	return fault{name: name, inject: func(b *bed) (func() error, error) {
		way := b.net.Way(server)
		return way.Heal, do(way)
	}}
}

func storeFaults(server string) []fault {
	who := "store " + server
	return []fault{
		{who + ": killed", func(b *bed) (func() error, error) {
			store := b.storeServer(server)
			store.Kill()
			return func() error { return store.Again(b.ctx) }, nil
		}},
		{who + ": paused", func(b *bed) (func() error, error) { return pause(b.storeServer(server).PID()) }},
		onTheWay(who+": slow", server, func(w *network.Way) error { return w.Slow(80*time.Millisecond, 400) }),
		onTheWay(who+": answers 500", server, func(w *network.Way) error { return w.Answer(500, 1) }),
		onTheWay(who+": every third request answered 503", server, func(w *network.Way) error { return w.Answer(503, 3) }),
		onTheWay(who+": connections reset", server, (*network.Way).Reset),
		onTheWay(who+": connections refused", server, func(w *network.Way) error { w.Refuse(); return nil }),
		onTheWay(who+": answers break off", server, func(w *network.Way) error { return w.Break(false, 20_000) }),
		onTheWay(who+": requests break off", server, func(w *network.Way) error { return w.Break(true, 20_000) }),
		onTheWay(who+": nothing gets through", server, (*network.Way).Stall),
	}
}

// storeProcess is a store's server.
type storeProcess interface {
	PID() int
	Kill()
	Again(ctx context.Context) error
}

func (b *bed) storeServer(name string) storeProcess {
	if name == stack.StoreS3 {
		return b.S3
	}
	return b.GCS
}

func temporalFaults() []fault {
	return []fault{
		{"Temporal: killed", func(b *bed) (func() error, error) {
			b.Temporal.Kill()
			return func() error { return b.TemporalAgain(b.ctx) }, nil
		}},
		{"Temporal: paused", func(b *bed) (func() error, error) { return pause(b.Temporal.PID()) }},
		onTheWay("Temporal: slow", temporal, func(w *network.Way) error { return w.Slow(60*time.Millisecond, 500) }),
		onTheWay("Temporal: connections reset", temporal, (*network.Way).Reset),
		onTheWay("Temporal: connections refused", temporal, func(w *network.Way) error { w.Refuse(); return nil }),
	}
}

func databaseFaults() []fault {
	return []fault{
		{"PostgreSQL: a process killed, the server recovers", func(b *bed) (func() error, error) {
			tree, err := b.postgresTree()
			if err != nil || len(tree) < 2 {
				return nothing, nil //nolint:nilerr // it is just being stopped or started: nothing to kill
			}
			missed := func() error {
				return b.await("PostgreSQL to miss a process", func() (bool, error) { return !slices.Contains(children(tree[0]), tree[1]), nil })
			}
			return missed, kill(tree[1], syscall.SIGKILL)
		}},
		{"PostgreSQL: paused", func(b *bed) (func() error, error) {
			tree, err := b.postgresTree()
			if err != nil {
				return nothing, nil //nolint:nilerr // as above
			}
			return pause(tree...)
		}},
		{"PostgreSQL: a storm of checkpoints", func(b *bed) (func() error, error) { return b.checkpoints(), nil }},
		onTheWay("WAL daemon to PostgreSQL: connections reset", stack.WALToPostgres, (*network.Way).Reset),
		onTheWay("WAL daemon to PostgreSQL: slow", stack.WALToPostgres, func(w *network.Way) error { return w.Slow(50*time.Millisecond, 300) }),
	}
}

func nothing() error { return nil }

// checkpoints asks for one checkpoint after the other. A server that does not
// answer meanwhile is asked again.
func (b *bed) checkpoints() (stop func() error) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			asked, end := context.WithTimeout(ctx, 2*time.Second)
			_ = b.Primary.Exec(asked, "postgres", "CHECKPOINT") // see above
			end()
		}
	}()
	return func() error { cancel(); <-done; return nil }
}

func workerFaults(name string) []fault {
	return []fault{
		{name + ": killed", func(b *bed) (func() error, error) {
			worker := b.worker(name)
			worker.Kill()
			return func() error { return worker.Again(b.ctx) }, nil
		}},
		{name + ": paused", func(b *bed) (func() error, error) { return pause(b.worker(name).PID()) }},
	}
}

// restartable is a worker or the WAL daemon.
type restartable interface {
	PID() int
	Kill()
	Again(ctx context.Context) error
}

func (b *bed) worker(name string) restartable {
	switch name {
	case "wal daemon":
		return b.WAL
	case "primary":
		return b.Workers[b.Primary.Host]
	default:
		return b.Workers[name]
	}
}

// pause stops processes; heal lets them go on.
func pause(pids ...int) (heal func() error, err error) {
	heal = func() error {
		var errs []error
		for _, pid := range pids {
			errs = append(errs, kill(pid, syscall.SIGCONT))
		}
		return errors.Join(errs...)
	}
	for _, pid := range pids {
		if err := kill(pid, syscall.SIGSTOP); err != nil {
			return heal, errors.Join(err, heal())
		}
	}
	return heal, nil
}

// kill sends a signal. A process that has ended meanwhile is no error.
func kill(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process %d: %w", signal, pid, err)
	}
	return nil
}

// postgresTree is the server at the service's data directory: its postmaster and
// the processes below it.
func (b *bed) postgresTree() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(b.Primary.DataDir, "postmaster.pid"))
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return nil, fmt.Errorf("read a PID file: %w", err)
	}
	if where, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", postmaster)); err != nil || where != b.Primary.DataDir {
		return nil, fmt.Errorf("process %d works in %q, not in %s: %w", postmaster, where, b.Primary.DataDir, err)
	}
	return append([]int{postmaster}, children(postmaster)...), nil
}

// children are the processes that a process has started and not yet missed: none
// where it has ended.
func children(of int) (pids []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", of, of))
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
