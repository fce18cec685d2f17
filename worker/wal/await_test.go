package main_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

// recovering is a restored cluster that asks the program for its WAL, and what is there.
type recovering struct {
	*cluster.Cluster

	id                       cluster.Expected
	archive, socket, command string
	latest                   replay.Target
}

const taken = "00000002.history"

// newRecovering makes a primary with an archive, and a copy of it whose restore_command
// is the program. The archive knows a timeline 2, so that a promotion gives timeline 3.
func newRecovering(t *testing.T) recovering {
	t.Helper()
	archive, root := pgtest.Dir(t), pgtest.Dir(t)
	server := pgtest.Start(t, pgtest.ArchiveTo(archive))
	identity, err := server.Cluster(t).Identity(t.Context())
	must(t, err)
	data := filepath.Join(root, "data")
	pgtest.Run(t, "pg_basebackup", "-D", data, "-h", server.SocketDir, "-p", pgtest.PortText(server), "-U", "postgres", "-c", "fast", "-X", "none")
	server.Exec(t, "CREATE TABLE after AS SELECT generate_series(1, 500) AS id")
	last := server.EndSegment(t)
	pgtest.Eventually(t, last+" in the archive", func() bool { _, err := os.Stat(filepath.Join(archive, last)); return err == nil })
	end, err := wal.ParseLSN(pgtest.Query[string](t, server, "SELECT pg_current_wal_lsn()::text"))
	must(t, err)
	owner := pgtest.Owner(t)
	must(t, owner.WriteFile(filepath.Join(archive, taken), []byte("1\t0/1000000\tanother time\n"), 0o600))
	r := recovering{
		Cluster: pgtest.Daemon(t, cluster.Config{DataDir: data, BinDir: server.BinDir, SocketDir: filepath.Join(root, "s"), Port: pgtest.Port(t)}),
		id:      cluster.Of(identity), archive: archive, socket: filepath.Join(root, "sock"),
		latest: replay.Target{Kind: replay.Latest, LSN: end, Timeline: 1},
	}
	config, program := filepath.Join(root, "wal.yaml"), filepath.Join(root, "wal")
	must(t, owner.WriteFile(config, fmt.Appendf(nil, "source: orders\nsystem_id: %q\ndata_dir: %s\nsocket: %s\nread_only: true\nspool: {dir: %s}\nstores: [{name: near, provider: file, dir: /nowhere}]\n",
		identity.SystemID, data, r.socket, filepath.Join(root, "spool")), 0o600))
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build wal: %v %s", err, out)
	}
	r.command = program + " --config " + config + " fetch %f %p"
	must(t, replay.Configure(t.Context(), r.Cluster, replay.Config{Target: r.latest, RestoreCommand: r.command}))
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// feed answers the program from the archive until ended. It dies in the middle of the
// first fetch of a file for which dies says so; died is closed then.
func (r recovering) feed(t *testing.T, dies func(file string) bool) (died <-chan struct{}, end func()) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.socket, Net: "unix"})
	must(t, err)
	must(t, pgtest.Owner(t).Give(r.socket))
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		for {
			caller, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			var request wire.Request
			if wire.Read(caller, &request) == nil {
				if dies(request.Name) {
					_ = listener.Close() // with its socket, before the caller learns of it
					_ = caller.Close()
					return
				}
				_ = wire.Write(caller, wire.AnswerTo(r.copy(request))) // a caller that went away asks again
			}
			_ = caller.Close()
		}
	}()
	return dead, func() {
		_ = listener.Close() // it may be closed already
		<-dead
	}
}

func (r recovering) copy(request wire.Request) error {
	content, err := os.ReadFile(filepath.Join(r.archive, request.Name))
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "fetch %s", request.Name)
	}
	return r.Programs.Owner.WriteFile(filepath.Join(r.DataDir, request.Path), content, 0o600)
}

func never(string) bool { return false }

// killedAt does work with a feed that dies at a file, gives work up as a worker does that
// is killed with its feed, and waits until the server waits for the next one.
func (r recovering) killedAt(t *testing.T, file string, work func(context.Context) error) {
	t.Helper()
	waits := func() int { return strings.Count(r.LogTail(1<<20), "recovery waits for "+file) }
	before := waits()
	died, end := r.feed(t, func(asked string) bool { return asked == file })
	defer end()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	select {
	case <-died:
	case err := <-done:
		t.Fatalf("%s was never asked for: %v; %s", file, err, r.LogTail(4096))
	}
	pgtest.Eventually(t, "the server waits for "+file, func() bool { return waits() > before })
	cancel()
	if err := <-done; !failure.Is(err, failure.Unavailable) {
		t.Fatalf("given up while the server waits: %v, want Unavailable", err)
	}
}

// TestL29RecoveryWaitsForItsFeed: the process that serves a recovery its WAL is killed in
// the middle of a fetch: of the first file, of one behind the end while replay is to
// pause there, and of the one by which a promotion finds its timeline. What comes of it
// is what comes of an undisturbed recovery.
func TestL29RecoveryWaitsForItsFeed(t *testing.T) {
	t.Parallel()
	r := newRecovering(t)
	var reached replay.Reached
	run := func(ctx context.Context) (err error) {
		reached, err = replay.Run(ctx, r.Cluster, r.latest, replay.Options{})
		return err
	}
	size := wal.DefaultSegmentSize
	identity, err := r.Identity(t.Context())
	must(t, err)
	r.killedAt(t, size.Name(size.SegmentAt(1, identity.Redo)), run)
	behind := size.Name(size.SegmentAt(1, r.latest.LSN))
	r.latest.LSN += wal.LSN(size) // replay stands still there, and is to pause
	r.killedAt(t, behind, run)
	must(t, r.Stop(t.Context(), r.id, cluster.StopOptions{})) // one that waits can be stopped, and goes on as well
	_, end := r.feed(t, never)
	must(t, run(t.Context()))
	end()
	if rows := pgtest.QueryAt[int](t, r.Server("postgres"), "SELECT count(*) FROM after"); rows != 500 {
		t.Errorf("%d rows of 500 were replayed", rows)
	}
	var promoted replay.Promoted
	promote := func(ctx context.Context) (err error) {
		promoted, err = replay.Promote(ctx, r.Cluster, r.id, r.latest, "postgres", reached)
		return err
	}
	r.killedAt(t, taken, promote)
	_, end = r.feed(t, never)
	defer end()
	must(t, promote(t.Context()))
	if promoted.Timeline != 3 || promoted.Parent != 1 {
		t.Errorf("promoted to %+v, want timeline 3 of 1: 2 is taken", promoted)
	}
}

// TestFetchIsNotLeftBehind: nothing holds the data directory of a server that was killed.
func TestFetchIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	r := newRecovering(t)
	must(t, os.WriteFile(filepath.Join(r.DataDir, "postmaster.pid"), []byte("2147483647\n"), 0o600))
	t.Cleanup(func() { must(t, os.Remove(filepath.Join(r.DataDir, "postmaster.pid"))) })
	command := strings.NewReplacer("%f", taken, "%p", "pg_wal/RECOVERYHISTORY").Replace(r.command)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != wire.FetchAbort || !strings.Contains(string(out), "is gone") {
		t.Errorf("%v: %s, want exit %d", err, out, wire.FetchAbort)
	}
}
