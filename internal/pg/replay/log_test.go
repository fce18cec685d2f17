package replay_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
)

// flood appends to the log what thousands of checks make a server say: a long line, and many.
func flood(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	log, err := os.OpenFile(c.LogFile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	long := append(bytes.Repeat([]byte("x"), 1<<20), '\n')
	short := bytes.Repeat([]byte("LOG:  duration: 0.1 ms  statement: SELECT count(*) FROM t\n"), 9<<20/58)
	if _, err := log.Write(append(long, short...)); err != nil {
		t.Fatal(err)
	}
}

// TestAFullLogHidesNothing: a cluster that stands where it should is found there by Run and
// promoted by Promote, however much its server said since it stopped.
func TestAFullLogHidesNothing(t *testing.T) {
	t.Parallel()
	s, targets := newForked(t)
	for name, target := range targets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, c := s.feed(t), s.copyBackup(t)
			reached, err := f.replay(t, c, target)
			if err != nil {
				t.Fatal(err)
			}
			rows := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM t")
			flood(t, c)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			again, err := replay.Run(ctx, c, target, replay.Options{})
			if err != nil || again.LSN != reached.LSN || strings.Join(again.Said, "") != strings.Join(reached.Said, "") {
				t.Errorf("Run = %+v, %v, want %+v once more", again, err, reached)
			}
			if _, err := replay.Promote(ctx, c, s.id, target, "postgres", reached); err != nil {
				t.Fatal(err)
			}
			requirePromoted(t, c, s.id, target, reached, rows)
		})
	}
}

// TestALostLogHoldsUpNoPromotion: where replay stands is asked of the server, and compared
// with where it was checked.
func TestALostLogHoldsUpNoPromotion(t *testing.T) {
	t.Parallel()
	s, targets := newForked(t)
	f, c, target := s.feed(t), s.copyBackup(t), targets["name"]
	reached, err := f.replay(t, c, target)
	if err != nil {
		t.Fatal(err)
	}
	rows := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM t")
	if err := os.Truncate(c.LogFile, 0); err != nil {
		t.Fatal(err)
	}
	elsewhere := reached
	elsewhere.LSN--
	if _, err := replay.Promote(t.Context(), c, s.id, target, "postgres", elsewhere); !failure.Is(err, failure.Refused) {
		t.Errorf("Promote of what stands elsewhere = %v, want Refused", err)
	}
	requirePromoted(t, c, s.id, target, reached, rows)
}

// TestPausedBySomebodyIsSaid: replay that no target paused is not waited for.
func TestPausedBySomebodyIsSaid(t *testing.T) {
	t.Parallel()
	s, targets := newForked(t)
	f, c, target := s.feed(t), s.copyBackup(t), targets["name"]
	if _, err := f.replay(t, c, target); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(c.LogFile, 0); err != nil { // as if no target had stopped it
		t.Fatal(err)
	}
	_, err := replay.Run(t.Context(), c, target, replay.Options{})
	if !failure.Is(err, failure.Refused) || !strings.Contains(failure.HintOf(err), "pg_wal_replay_resume()") {
		t.Errorf("Run = %v (hint %q), want Refused, with how it goes on", err, failure.HintOf(err))
	}
}

// TestChecksAreNotLogged: what a database's own configuration has its server say of every
// session and statement, the isolated copy does not.
func TestChecksAreNotLogged(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.Exec(t, "ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_connections = 'on'", "ALTER SYSTEM SET log_disconnections = 'on'",
		"ALTER SYSTEM SET log_duration = 'on'", "ALTER SYSTEM SET log_min_duration_statement = 0", "ALTER SYSTEM SET log_min_duration_sample = 0",
		"ALTER SYSTEM SET log_statement_sample_rate = 1", "ALTER SYSTEM SET log_transaction_sample_rate = 1", "ALTER SYSTEM SET log_error_verbosity = 'verbose'")
	s.ship(t)
	s.backup = pgtest.Dir(t) + "/loud"
	pgtest.Run(t, "pg_basebackup", "-D", s.backup, "-h", s.SocketDir, "-p", portOf(s.Server), "-U", "postgres", "-c", "fast", "-X", "none")
	s.Exec(t, "SELECT pg_create_restore_point('good')")
	s.ship(t)
	c := s.copyBackup(t)
	if _, err := s.replay(t, c, replay.Target{Kind: replay.ByName, Name: "good", Inclusive: true}); err != nil {
		t.Fatal(err)
	}
	before := c.LogSize()
	for range 10 {
		pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM t")
	}
	if said, err := c.LogFrom(before, 1<<20); err != nil || said != "" {
		t.Errorf("the server said of ten questions: %s %v", said, err)
	}
}
