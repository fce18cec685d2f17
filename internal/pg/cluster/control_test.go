package cluster_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestControlFileSaysWhatTheServerSays compares every field with PostgreSQL's own
// reading of the file, on whatever major the tests run.
func TestControlFileSaysWhatTheServerSays(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.SegmentMiB(1), pgtest.WithAll(map[string]string{
		"max_connections": "37", "max_worker_processes": "9", "max_wal_senders": "7", "max_prepared_transactions": "5",
		"max_locks_per_transaction": "71", "track_commit_timestamp": "on",
	}))
	server.Exec(t, "CREATE TABLE t AS SELECT generate_series(1, 1000)", "CHECKPOINT")
	got, err := server.Cluster(t).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var system int64
	var redo, checkpoint string
	want := cluster.Identity{Major: pgtest.Major(t), State: "in production", ChecksumVersion: 1, Minimums: cluster.Minimums{
		MaxConnections: 37, MaxWorkerProcesses: 9, MaxWalSenders: 7, MaxPreparedXacts: 5, MaxLocksPerXact: 71, TrackCommitTimestamp: true,
	}}
	err = server.Connect(t).QueryRow(t.Context(), `SELECT s.system_identifier, s.pg_control_version, s.catalog_version_no,
		c.timeline_id, c.checkpoint_lsn::text, c.redo_lsn::text, i.bytes_per_wal_segment, i.database_block_size, i.blocks_per_segment
		FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_init() i`).
		Scan(&system, &want.ControlVersion, &want.CatalogVersion, &want.Timeline, &checkpoint, &redo, &want.SegmentSize, &want.BlockSizeBytes, &want.BlocksPerFile)
	if err != nil {
		t.Fatal(err)
	}
	want.SystemID = wal.SystemID(uint64(system))
	if want.Checkpoint, err = wal.ParseLSN(checkpoint); err != nil {
		t.Fatal(err)
	}
	if want.Redo, err = wal.ParseLSN(redo); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("pg_control says\n%+v, the server\n%+v", got, want)
	}
}

func TestControlFileThatIsNotWhatItShouldBe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func([]byte) []byte
		class  failure.Class
	}{
		"one bit":         {func(b []byte) []byte { b[40] ^= 1; return b }, failure.Corrupt},
		"a wrong sum":     {func(b []byte) []byte { b[288] ^= 1; b[292] ^= 1; return b }, failure.Corrupt},
		"cut short":       {func(b []byte) []byte { return b[:296] }, failure.Corrupt},
		"empty":           {func([]byte) []byte { return nil }, failure.Corrupt},
		"too long":        {func(b []byte) []byte { return append(b, 0) }, failure.Corrupt},
		"another version": {func(b []byte) []byte { binary.NativeEndian.PutUint32(b[8:], 1201); return b }, failure.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			path := filepath.Join(c.DataDir, "global", "pg_control")
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tt.change(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Identity(t.Context()); !failure.Is(err, tt.class) {
				t.Errorf("Identity = %v, want %s", err, tt.class)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Identity(t.Context()); !failure.Is(err, failure.Corrupt) {
				t.Errorf("Identity without pg_control = %v, want Corrupt", err)
			}
		})
	}
}
