package observe_test

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/observe"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func watched(t *testing.T) (*pgtest.Server, observe.Config) {
	t.Helper()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'pw'", "CREATE DATABASE shop OWNER app", "CREATE ROLE monitor LOGIN PASSWORD 'pw'")
	server.ExecIn(t, "shop", "CREATE TABLE orders (a int)")
	return server, observe.Config{
		Server: server.Super().In("shop"), Databases: []string{"shop"}, Window: 3 * time.Second,
		Probes: observe.Probes{Server: server.TCP("app", "pw").In("shop"), Queries: []string{"SELECT 1", "SELECT pg_sleep(0.02)"}, Rounds: 15},
	}
}

// load commits steadily until the test says stop, and returns how often.
func load(t *testing.T, server *pgtest.Server) (stop func() int) {
	t.Helper()
	conn := server.ConnectTo(t, server.Super().In("shop"))
	ctx, cancel := context.WithCancel(t.Context())
	count := 0
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if _, err := conn.Exec(t.Context(), "INSERT INTO orders VALUES (1)"); err != nil {
				t.Error(err)
				return
			}
			count++
		}
	})
	return func() int {
		cancel()
		done.Wait()
		return count
	}
}

func TestWatchMeasuresTheApplicationAndNotItself(t *testing.T) {
	t.Parallel()
	server, config := watched(t)
	idle, err := observe.Watch(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if idle.TPS > 5 || idle.TPSUnknown != "" {
		t.Errorf("an idle database has %+v", idle)
	}
	stop := load(t, server)
	begin := time.Now()
	looks := 0
	config.Progress = func(observe.Progress) { looks++ }
	busy, err := observe.Watch(t.Context(), config)
	rate := float64(stop()) / time.Since(begin).Seconds()
	if err != nil {
		t.Fatal(err)
	}
	// Sessions report their commits up to a second late.
	if busy.TPS < rate*0.5 || busy.TPS > rate*1.6 {
		t.Errorf("measured %.1f/s, the load was %.1f/s", busy.TPS, rate)
	}
	if busy.Samples != 30 || busy.ProbeErrors != 0 || busy.P95 < 20*time.Millisecond || busy.Over < config.Window || looks != 16 {
		t.Errorf("%+v after %d looks", busy, looks)
	}
}

func TestFailingProbesAreCounted(t *testing.T) {
	t.Parallel()
	_, config := watched(t)
	config.Window = 200 * time.Millisecond
	config.Probes.Queries = []string{"SELECT 1", "CREATE TABLE probe (a int)", "SELECT * FROM missing"}
	config.Probes.Rounds = 2
	got, err := observe.Watch(t.Context(), config)
	if err != nil || got.Samples != 2 || got.ProbeErrors != 4 || got.ProbeError == "" {
		t.Errorf("Watch = %+v, %v", got, err)
	}
	config.Probes.Server.Port = pgtest.Port(t)
	got, err = observe.Watch(t.Context(), config)
	if err != nil || got.Samples != 0 || got.ProbeErrors != 6 {
		t.Errorf("Watch without an application login = %+v, %v", got, err)
	}
}

func TestCancelledAndLostServersAreErrors(t *testing.T) {
	t.Parallel()
	server, config := watched(t)
	config.Window = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	config.Progress = func(observe.Progress) { cancel() }
	if _, err := observe.Watch(ctx, config); !failure.Is(err, failure.Unavailable) {
		t.Errorf("cancelled: %v, want Unavailable", err)
	}
	config.Window = time.Second
	config.Progress = func(observe.Progress) { server.Kill(t) }
	if _, err := observe.Watch(t.Context(), config); !failure.Is(err, failure.Unavailable) {
		t.Errorf("server lost: %v, want Unavailable", err)
	}
}

func TestReplicaLagIsSeenAndHiddenFromStrangers(t *testing.T) {
	t.Parallel()
	server, config := watched(t)
	config.Window, config.Probes.Rounds = 200*time.Millisecond, 2
	replica := standby(t, server)
	pgtest.Eventually(t, "the replica to stream", func() bool {
		return pgtest.Query[int](t, server, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1
	})
	got, err := observe.Watch(t.Context(), config)
	if err != nil || got.Replicas != 1 || got.FewestSeen != 1 || got.LagUnknown != "" || got.ReplicaLag > 5*time.Second {
		t.Errorf("Watch = %+v, %v", got, err)
	}
	stranger := config
	stranger.Server = server.TCP("monitor", "pw")
	if got, err := observe.Watch(t.Context(), stranger); err != nil || got.LagUnknown == "" {
		t.Errorf("a role without pg_monitor: %+v, %v; want an unknown lag", got, err)
	}
	pgtest.QueryAt[string](t, replica.Server("postgres"), "SELECT pg_wal_replay_pause()::text")
	server.Exec(t, "CREATE TABLE behind AS SELECT generate_series(1, 1000)")
	if got, err = observe.Watch(t.Context(), config); err != nil || got.ReplicaLag == 0 && got.LagUnknown == "" {
		t.Errorf("a paused replica: %+v, %v", got, err)
	}
}

func standby(t *testing.T, server *pgtest.Server) *cluster.Cluster {
	t.Helper()
	root := pgtest.Dir(t)
	data := filepath.Join(root, "data")
	pgtest.Run(t, "pg_basebackup", "-D", data, "-h", server.SocketDir, "-p", strconv.Itoa(server.Port), "-U", "postgres", "-c", "fast")
	follow := "primary_conninfo = 'host=" + server.SocketDir + " port=" + strconv.Itoa(server.Port) + " user=postgres'\n"
	for name, text := range map[string]string{"standby.signal": "", "postgresql.auto.conf": follow} {
		if err := pgtest.Owner(t).WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := pgtest.Daemon(t, cluster.Config{DataDir: data, BinDir: server.BinDir, SocketDir: root, Port: pgtest.Port(t)})
	if err := c.Start(t.Context(), cluster.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}
