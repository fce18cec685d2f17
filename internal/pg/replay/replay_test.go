package replay_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// source is a primary with a plain cp archive and one base backup of pg_basebackup.
type source struct {
	*pgtest.Server
	archive, backup string
	id              cluster.Expected
}

func newSource(t *testing.T) source {
	t.Helper()
	archive := pgtest.Dir(t)
	s := source{Server: pgtest.Start(t, pgtest.ArchiveTo(archive)), archive: archive, backup: filepath.Join(pgtest.Dir(t), "base")}
	identity, err := s.Cluster(t).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.id = cluster.Of(identity)
	s.Exec(t, "CREATE TABLE t (id int PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())", "INSERT INTO t SELECT generate_series(1, 1000)")
	pgtest.Run(t, "pg_basebackup", "-D", s.backup, "-h", s.SocketDir, "-p", portOf(s.Server), "-U", "postgres", "-c", "fast", "-X", "none")
	return s
}

// copyBackup gives a data directory of its own to recover in.
func (s source) copyBackup(t *testing.T) *cluster.Cluster {
	t.Helper()
	root := pgtest.Dir(t)
	data := filepath.Join(root, "data")
	if out, err := exec.Command("cp", "-a", s.backup, data).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v %s", err, out)
	}
	return pgtest.Daemon(t, cluster.Config{DataDir: data, BinDir: s.BinDir, SocketDir: filepath.Join(root, "s"), Port: pgtest.Port(t)})
}

func (s source) ship(t *testing.T) {
	t.Helper()
	name := s.EndSegment(t)
	pgtest.Eventually(t, name+" in the archive", func() bool {
		_, err := os.Stat(filepath.Join(s.archive, name))
		return err == nil
	})
}

func (s source) replay(t *testing.T, c *cluster.Cluster, target replay.Target) (replay.Reached, error) {
	t.Helper()
	target.Timeline = max(target.Timeline, 1)
	config := replay.Config{Target: target, RestoreCommand: pgtest.RestoreFrom(s.archive)}
	if err := replay.Configure(t.Context(), c, config); err != nil {
		t.Fatal(err)
	}
	return replay.Run(t.Context(), c, target, replay.Options{})
}

func TestReplayToEveryKindOfTargetThenPromote(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.Exec(t, "INSERT INTO t SELECT generate_series(1001, 1100)", "SELECT pg_create_restore_point('good')")
	lsn := position(t, s.Server)
	at := pgtest.Query[time.Time](t, s.Server, "SELECT clock_timestamp()")
	s.Exec(t, "DELETE FROM t")
	s.ship(t)
	end := position(t, s.Server)
	tests := map[string]struct {
		target replay.Target
		rows   int
	}{
		"time":   {replay.Target{Kind: replay.ByTime, Time: at}, 1100},
		"lsn":    {replay.Target{Kind: replay.ByLSN, LSN: lsn}, 1100},
		"name":   {replay.Target{Kind: replay.ByName, Name: "good", Inclusive: true}, 1100},
		"latest": {replay.Target{Kind: replay.Latest, LSN: end}, 0},
		"latest, proved to behind the last record": {replay.Target{Kind: replay.Latest, LSN: end + 1<<20}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := s.copyBackup(t)
			reached, err := s.replay(t, c, tt.target)
			if err != nil {
				t.Fatal(err)
			}
			again, err := replay.Run(t.Context(), c, withTimeline(tt.target), replay.Options{})
			if err != nil || again.LSN != reached.LSN || reached.Timeline != 1 || reached.LastCommitAt.IsZero() {
				t.Errorf("reached %+v, then %+v, %v", reached, again, err)
			}
			super := c.Server("postgres")
			if rows := pgtest.QueryAt[int](t, super, "SELECT count(*) FROM t"); rows != tt.rows {
				t.Errorf("rows = %d, want %d", rows, tt.rows)
			}
			requireIsolated(t, c)
			for range 2 {
				promoted, err := replay.Promote(t.Context(), c, s.id, withTimeline(tt.target), "postgres", reached)
				if err != nil || promoted.Timeline != 2 || promoted.Parent != 1 || promoted.Switch < reached.LSN {
					t.Fatalf("Promote = %+v, %v", promoted, err)
				}
			}
			requireReleased(t, c, s.id)
		})
	}
}

// requireIsolated is L3: a test restore must not archive into the repository.
func requireIsolated(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	got := pgtest.QueryAt[string](t, c.Server("postgres"), `SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
		WHERE name IN ('archive_mode', 'listen_addresses', 'primary_conninfo', 'archive_command', 'max_logical_replication_workers')`)
	if got != "archive_command=(disabled) archive_mode=off listen_addresses= max_logical_replication_workers=0 primary_conninfo=" {
		t.Errorf("L3: the restored cluster is not isolated: %s", got)
	}
}

func requireReleased(t *testing.T, c *cluster.Cluster, id cluster.Expected) {
	t.Helper()
	if err := c.Stop(t.Context(), id, cluster.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replay.Release(t.Context(), c, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "pg_wal/archive_status/00000002.history.ready")); err != nil {
		t.Errorf("the new timeline's history would never be archived: %v", err)
	}
	conf, err := os.ReadFile(filepath.Join(c.DataDir, "postgresql.auto.conf"))
	if err != nil || strings.Contains(string(conf), "holdfast") {
		t.Errorf("the isolation is still there: %s %v", conf, err)
	}
}

func TestL1TargetBeyondTheEndOfWALIsMissedNotReached(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.ship(t)
	c := s.copyBackup(t)
	reached, err := s.replay(t, c, replay.Target{Kind: replay.ByTime, Time: time.Now().Add(time.Hour)})
	if !failure.Is(err, failure.TargetMissed) || !strings.Contains(err.Error(), "redo done at") {
		t.Errorf("L1: Run = %+v, %v; want TargetMissed with how far it came", reached, err)
	}
}

func TestMissingFirstSegmentIsAGap(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.ship(t)
	segments, err := filepath.Glob(filepath.Join(s.archive, "0*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, segment := range segments {
		if err := os.Remove(segment); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.replay(t, s.copyBackup(t), replay.Target{Kind: replay.ByTime, Time: time.Now()})
	if !failure.Is(err, failure.WALGap) {
		t.Errorf("Run = %v, want WALGap", err)
	}
}

func TestL3ConfigureRefusesWhatUndoesTheIsolation(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	c := s.copyBackup(t)
	good := replay.Config{Target: replay.Target{Kind: replay.Immediate, Timeline: 1}, RestoreCommand: "false"}
	bad := good
	bad.Settings = map[string]string{"archive_mode": "on"}
	if err := replay.Configure(t.Context(), c, bad); !failure.Is(err, failure.Refused) {
		t.Errorf("Configure with archiving = %v, want Refused", err)
	}
	good.Target.Timeline = 0
	if err := replay.Configure(t.Context(), c, good); !failure.Is(err, failure.InvalidInput) {
		t.Errorf("Configure without timeline = %v, want InvalidInput", err)
	}
}

func withTimeline(t replay.Target) replay.Target {
	t.Timeline = 1
	return t
}

func position(t *testing.T, s *pgtest.Server) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(pgtest.Query[string](t, s, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}

func portOf(s *pgtest.Server) string { return pgtest.PortText(s) }
