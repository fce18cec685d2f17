package walship_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/walship"
)

func TestL2L7TailAndHeartbeatsFollowAFailover(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	primary := h.serve(t, h.config)
	followed, copied := filepath.Join(h.dir, "standby"), filepath.Join(h.dir, "copy")
	h.copyCluster(t, followed)
	h.copyCluster(t, copied)
	standby := h.standby(t, followed, fast)
	standby.Start(t)
	second := h.serve(t, h.configOf(followed))
	h.until(t, "both daemons stream", func() bool {
		a, errA := h.status(h.config)
		b, errB := h.status(h.configOf(followed))
		return errA == nil && errB == nil && a.HeartbeatStored > 5 && b.TailRunning && b.TailShipped > 0
	})
	before, err := h.status(h.configOf(followed))
	if err != nil || before.HeartbeatSeq != 0 {
		t.Errorf("the standby wrote heartbeats: %+v %v", before, err)
	}
	lastOld := newestRow(t, h.server)
	h.until(t, "the standby has the row", func() bool { return newestRow(t, standby).seq >= lastOld.seq })
	h.server.Kill(t)
	primary.kill(t)
	standby.Exec(t, "SELECT pg_promote()")
	h.until(t, "the new primary's tail and heartbeats are stored", func() bool {
		s, err := h.status(h.configOf(followed))
		return err == nil && s.TailTimeline == 2 && s.HeartbeatStored > lastOld.seq+5
	})
	h.until(t, "what the old timeline ended with and the history are archived", func() bool {
		return archivedIn(t, h.stores[0], "00000002.history")
	})
	last := newestRow(t, standby)
	h.until(t, "the tail holds the last row", func() bool {
		s, err := h.status(h.configOf(followed))
		return err == nil && uint64(s.TailShipped) >= last.lsn
	})
	standby.Kill(t)
	second.kill(t)

	inventory, err := walship.TakeInventory(t.Context(), walship.Cluster{
		Source: "orders", SystemID: h.system, SegmentSize: 16 << 20, Stores: h.stores, Keys: h.keys,
	})
	if err != nil || len(inventory.Histories) != 1 || inventory.Histories[0].History == nil || len(inventory.Anomalies) > 0 {
		t.Errorf("inventory %+v, %v", inventory, err)
	}
	target := h.restored(t, copied, "fetch: {tail_timeline: 2, patience: 2s}\n", "recovery_target_timeline = 'latest'")
	h.serve(t, h.configOf(copied))
	target.Start(t)
	h.until(t, "recovery ends", func() bool { return !pgtest.Query[bool](t, target, "SELECT pg_is_in_recovery()") })
	if got := newestRow(t, target); got.seq < last.seq {
		t.Errorf("recovered to heartbeat %d, %d was committed and shipped", got.seq, last.seq)
	}
	beats, damaged, err := walship.ReadHeartbeats(t.Context(), h.stores, "orders", time.Time{})
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	checkBeats(t, beats)
}

func TestL29RecoveryAbortsWhenAStoreIsSilent(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	h.serve(t, h.config)
	copied := filepath.Join(h.dir, "copy")
	h.copyCluster(t, copied)
	name := h.switchWAL(t)
	h.until(t, "the segment is archived", func() bool { return archivedIn(t, h.stores[0], name) })
	target := h.restored(t, copied, "fetch: {patience: 200ms}\n")
	// The far store's disk is gone, and the near one lacks the segment.
	if err := os.Rename(h.places[1], h.places[1]+".gone"); err != nil {
		t.Fatal(err)
	}
	removeObjects(t, h.places[0], name)
	programs := pg.Programs{Dir: target.BinDir, Owner: pgtest.Owner(t)}
	out, err := programs.Run(t.Context(), "postgres", "-D", target.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if out.ExitCode == 0 || !strings.Contains(out.Stderr, "could not restore file") {
		t.Errorf("exit %d: %s", out.ExitCode, out.Stderr)
	}
	if _, err := os.Stat(filepath.Join(target.DataDir, "recovery.signal")); err != nil {
		t.Error("recovery ended although a store was silent")
	}
}

// removeObjects deletes what a directory store holds of a file.
func removeObjects(t *testing.T, dir, name string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(path, name) {
			return err
		}
		return os.Remove(path)
	})
	if err != nil {
		t.Fatal(err)
	}
}
