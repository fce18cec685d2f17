package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/basebackup"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func TestBackupIsRefusedWhereItWouldNotRestore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stranger := h.id
	stranger.Incarnation = "another"
	other := pgtest.Start(t)
	wait := func(context.Context, wal.Timeline, wal.LSN) error { return nil }
	tests := map[string]struct {
		before []string
		config basebackup.Config
		class  failure.Class
	}{
		"no proof of WAL":      {nil, basebackup.Config{Server: h.Super(), Expect: h.id}, failure.InvalidInput},
		"another incarnation":  {nil, basebackup.Config{Server: h.Super(), Expect: stranger, WaitArchived: wait}, failure.IdentityMismatch},
		"another server":       {nil, basebackup.Config{Server: other.Super(), Expect: h.id, WaitArchived: wait}, failure.IdentityMismatch},
		"full_page_writes off": {[]string{"ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"}, basebackup.Config{Server: h.Super(), Expect: h.id, WaitArchived: wait}, failure.Refused},
	}
	for _, name := range []string{"no proof of WAL", "another incarnation", "another server", "full_page_writes off"} {
		tt := tests[name]
		if len(tt.before) > 0 {
			h.Exec(t, tt.before...)
		}
		tt.config.Cluster, tt.config.Archive = h.cluster, h.archive
		if _, err := basebackup.Run(t.Context(), tt.config); failure.ClassOf(err) != tt.class {
			t.Errorf("%s: %v, want %s", name, err, tt.class)
		}
	}
}

// TestKilledBackupGoesOnAndACommittedOneIsNotMadeAgain stops the first attempt
// just before its commit, as a lost session does.
func TestKilledBackupGoesOnAndACommittedOneIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.populate(t)
	h.archive.SetID, h.archive.PartBytes = archive.NewSetID(time.Now(), archive.Full), 4<<20
	config := basebackup.Config{
		Cluster: h.cluster, Server: h.Super(), Expect: h.id, Archive: h.archive,
		WaitArchived: func(context.Context, wal.Timeline, wal.LSN) error {
			journal := filepath.Join(h.archive.StateDir, h.archive.Source, string(h.archive.SetID)+".journal")
			pgtest.Eventually(t, "a part is stored and noted: uploads go on behind the copy", func() bool {
				info, err := os.Stat(journal)
				return err == nil && info.Size() > 0
			})
			return failure.New(failure.Unavailable, "the host is gone")
		},
	}
	if _, err := basebackup.Run(t.Context(), config); !failure.Is(err, failure.Unavailable) {
		t.Fatalf("first attempt: %v, want Unavailable", err)
	}
	listing, err := archive.List(t.Context(), h.archive.Stores, h.archive.Source, h.trust)
	if err != nil || len(listing.Sets) != 0 {
		t.Fatalf("an unfinished set is visible: %+v, %v", listing, err)
	}
	second := h.backup(t)
	third := h.backup(t)
	if second.Stats.Resumed == 0 || second.Resumed || !third.Resumed || third.Descriptor.Set != second.Descriptor.Set {
		t.Errorf("second %+v, third %+v", second.Stats, third)
	}
	h.archive.SetID, h.archive.Kind = "", archive.Incremental
	h.Exec(t, canary)
	next := h.backup(t)
	if totals := next.Descriptor.Totals; totals.ReusedBytes < totals.SourceBytes/2 {
		t.Errorf("an incremental reused %d of %d bytes", totals.ReusedBytes, totals.SourceBytes)
	}
	c, _ := h.restoreBeside(t, next.Descriptor.Set)
	requireVerified(t, c)
}

func TestRestoreInPlaceNeedsPermissionAndADeadServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Exec(t, "CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 5000) g")
	set := h.backup(t).Descriptor.Set
	heap := pgtest.Query[string](t, h.Server, "SELECT pg_relation_filepath('orders')")
	h.Exec(t, "INSERT INTO orders VALUES (100001)")
	end := h.end(t)
	config := restore.Config{Owner: pgtest.Owner(t), Archive: archive.RestoreConfig{
		Stores: h.archive.Stores, Source: h.archive.Source,
		SetID: set, Trusted: h.trust, Keys: h.keys,
	}}
	allowed := restore.Permission{NoRollbackAcknowledgedBy: "commander"}
	if _, err := restore.InPlace(t.Context(), h.cluster, h.id, allowed, "run-1", config); !failure.Is(err, failure.Unsafe) {
		t.Fatalf("InPlace under a running server = %v, want Unsafe", err)
	}
	h.ship(t)
	h.Stop(t)
	pgtest.Flip(t, h.Server, heap, 2*page.Size+3000)
	if _, err := restore.InPlace(t.Context(), h.cluster, h.id, restore.Permission{}, "run-1", config); !failure.Is(err, failure.Unsafe) {
		t.Fatalf("InPlace without permission = %v, want Unsafe", err)
	}
	stranger := cluster.Expected{SystemID: h.id.SystemID, Incarnation: "another"}
	if _, err := restore.InPlace(t.Context(), h.cluster, stranger, allowed, "run-1", config); !failure.Is(err, failure.IdentityMismatch) {
		t.Fatalf("InPlace over a stranger = %v, want IdentityMismatch", err)
	}
	done, err := restore.InPlace(t.Context(), h.cluster, h.id, allowed, "run-1", config)
	if err != nil || done.Archive.BytesKept == 0 {
		t.Fatalf("InPlace = %+v, %v", done, err)
	}
	if again, err := restore.InPlace(t.Context(), h.cluster, h.id, allowed, "run-1", config); err != nil || !again.Again {
		t.Errorf("InPlace again = %+v, %v", again, err)
	}
	if _, err := os.Stat(filepath.Join(h.DataDir+".inplace-run-1", "pg_wal")); err != nil {
		t.Errorf("pg_wal was not kept: %v", err)
	}
	c := pgtest.Daemon(t, cluster.Config{DataDir: h.DataDir, BinDir: h.BinDir, SocketDir: filepath.Join(h.Root, "s"), Port: h.Port})
	h.recover(t, c, replay.Target{Kind: replay.Latest, LSN: end, Timeline: 1})
	if rows := pgtest.QueryAt[int](t, c.Server("postgres"), "SELECT count(*) FROM orders"); rows != 5001 {
		t.Errorf("rows = %d, want 5001", rows)
	}
}

func (h *house) end(t *testing.T) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(pgtest.Query[string](t, h.Server, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}
