package pgtest

import (
	"context"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// Daemon opens a cluster that code under test starts by itself (pg_ctl), and
// stops whatever runs in it after the test.
func Daemon(t testing.TB, config cluster.Config) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	StopAfter(t, c)
	return c
}

// StopAfter stops whatever runs in c's data directory after the test.
func StopAfter(t testing.TB, c *cluster.Cluster) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		identity, err := c.Identity(ctx)
		if err != nil {
			return // the directory is gone
		}
		if err := c.Stop(ctx, cluster.Of(identity), cluster.StopOptions{Fast: 5 * time.Second}); err != nil {
			t.Errorf("stop %s: %v", c.DataDir, err)
		}
	})
}

// Cluster opens the server's own data directory.
func (s *Server) Cluster(t testing.TB) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Open(cluster.Config{DataDir: s.DataDir, BinDir: s.BinDir, SocketDir: s.SocketDir, Port: s.Port, LogFile: s.LogFile})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
