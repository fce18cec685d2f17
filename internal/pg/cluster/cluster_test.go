package cluster_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// open makes a stopped cluster that cluster.Start may start; it is stopped with the test.
func open(t *testing.T) *cluster.Cluster {
	t.Helper()
	server := pgtest.Start(t, pgtest.Stopped())
	return pgtest.Daemon(t, cluster.Config{
		DataDir: server.DataDir, BinDir: server.BinDir,
		SocketDir: server.SocketDir, Port: server.Port, LogFile: server.LogFile,
	})
}

func TestIdentityIsReadFromControlFileAndMarker(t *testing.T) {
	t.Parallel()
	c := open(t)
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if identity.SystemID == 0 || identity.Timeline != 1 || identity.ChecksumVersion != 1 ||
		identity.SegmentSize != wal.DefaultSegmentSize || !identity.CleanlyShutDown() || identity.Minimums.MaxConnections == 0 {
		t.Errorf("identity = %+v", identity)
	}
	marker, err := c.Enroll()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Enroll()
	if err != nil || again.Incarnation != marker.Incarnation {
		t.Errorf("second Enroll = %v, %v; want %v", again, err, marker)
	}
}

func TestExpectedIdentityIsChecked(t *testing.T) {
	t.Parallel()
	c := open(t)
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	marked := cluster.Of(identity)
	marked.Incarnation = "another"
	tests := map[string]struct {
		want  cluster.Expected
		class failure.Class
	}{
		"same":              {cluster.Of(identity), ""},
		"nothing expected":  {cluster.Expected{}, failure.InvalidInput},
		"other system":      {cluster.Expected{SystemID: identity.SystemID + 1}, failure.IdentityMismatch},
		"other incarnation": {marked, failure.IdentityMismatch},
		"any incarnation":   {cluster.Expected{SystemID: identity.SystemID, Incarnation: "x", AnyIncarnation: true}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Require(t.Context(), tt.want); failure.ClassOf(err) != tt.class {
				t.Errorf("Require = %v, want class %q", err, tt.class)
			}
		})
	}
}

func TestStartAndStopTwice(t *testing.T) {
	t.Parallel()
	c := open(t)
	identity, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Start(t.Context(), cluster.StartOptions{Settings: map[string]string{"application_name": "it's"}}); err != nil {
			t.Fatal(err)
		}
		process, err := c.WaitReady(t.Context())
		if err != nil || process.Life != cluster.Running || process.Port != c.Port {
			t.Fatalf("WaitReady = %+v, %v", process, err)
		}
	}
	if err := c.RequireStopped(t.Context()); !failure.Is(err, failure.Unsafe) {
		t.Errorf("RequireStopped = %v, want Unsafe", err)
	}
	for range 2 {
		if err := c.Stop(t.Context(), cluster.Of(identity), cluster.StopOptions{Fast: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		if err := c.RequireStopped(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestServerIsNotDeadOnlyBecauseItsPIDFileIsGone(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	c, err := cluster.Open(cluster.Config{DataDir: server.DataDir, BinDir: server.BinDir})
	if err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(server.DataDir, "postmaster.pid")
	if err := os.Rename(pidFile, pidFile+".aside"); err != nil {
		t.Fatal(err)
	}
	process, err := c.Process(t.Context())
	if err != nil || process.Life != cluster.UnknownLife {
		t.Errorf("Process = %+v, %v; want unknown", process, err)
	}
	if err := c.RequireStopped(t.Context()); !failure.Is(err, failure.Unsafe) {
		t.Errorf("RequireStopped = %v, want Unsafe", err)
	}
	if err := c.Start(t.Context(), cluster.StartOptions{}); !failure.Is(err, failure.Unsafe) {
		t.Errorf("Start = %v, want Unsafe", err)
	}
}

// TestServerThatAnswersMustBeSeenHere: a server that answers at the port while
// nobody is seen in the directory would pass for dead, and its directory be moved
// from under it: another directory, host, or container.
func TestServerThatAnswersMustBeSeenHere(t *testing.T) {
	t.Parallel()
	running, other := pgtest.Start(t).Cluster(t), open(t)
	if err := running.RequireServing(t.Context(), running.Port); err != nil {
		t.Error(err)
	}
	if err := other.RequireServing(t.Context(), running.Port); !failure.Is(err, failure.Unsafe) {
		t.Errorf("another directory: RequireServing = %v, want Unsafe", err)
	}
	if err := running.RequireServing(t.Context(), running.Port+1); !failure.Is(err, failure.Unsafe) {
		t.Errorf("another port: RequireServing = %v, want Unsafe", err)
	}
}

func TestStalePIDFileOfAnotherProcessIsSeenThrough(t *testing.T) {
	t.Parallel()
	c := open(t)
	content := []byte("1\n" + c.DataDir + "\n0\n5432\n/\nlocalhost\n\nready\n")
	if err := c.Programs.Owner.WriteFile(filepath.Join(c.DataDir, "postmaster.pid"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := c.Process(t.Context())
	if err != nil || process.Life == cluster.Running {
		t.Errorf("Process = %+v, %v; must not be running", process, err)
	}
}

func TestDyingServerIsReportedWithItsLog(t *testing.T) {
	t.Parallel()
	c := open(t)
	err := c.Start(t.Context(), cluster.StartOptions{Settings: map[string]string{"shared_preload_libraries": "no_such_library"}})
	if err == nil {
		_, err = c.WaitReady(t.Context())
	}
	if !failure.Is(err, failure.Unavailable) {
		t.Errorf("a server that cannot start: %v, want Unavailable", err)
	}
}
