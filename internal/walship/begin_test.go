package walship_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// cluster is the host's log in its stores.
func (h *host) cluster() walship.Cluster {
	return walship.Cluster{Source: "orders", SystemID: h.system, SegmentSize: 16 << 20, Stores: h.stores, Keys: h.keys}
}

// slotAt is what the tail has acknowledged.
func slotAt(t testing.TB, server *pgtest.Server) wal.LSN {
	t.Helper()
	return wal.LSN(pgtest.Query[int64](t, server, "SELECT (restart_lsn - '0/0')::bigint FROM pg_replication_slots"))
}

// heldSince is how far the stores hold timeline 1 without a hole.
func (h *host) heldSince(t testing.TB, from, until wal.LSN) wal.LSN {
	t.Helper()
	held, err := walship.HeldUpTo(t.Context(), h.cluster(), wal.History{Timeline: 1}.Path(), from, until)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// fill writes some segments and returns the position behind them.
func (h *host) fill(t testing.TB, segments int) wal.LSN {
	t.Helper()
	for range segments {
		h.switchWAL(t)
	}
	return wal.LSN(newestRow(t, h.server).lsn)
}

// A promotion while nobody streams: the new timeline begins inside the segment that
// the slot stands in, and its tail counts from that segment's start.
func TestTailFollowsAPromotionThatItMissed(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	primary := h.serve(t, h.config)
	followed, copied := filepath.Join(h.dir, "standby"), filepath.Join(h.dir, "copy")
	h.copyCluster(t, followed)
	h.copyCluster(t, copied)
	standby := h.standby(t, followed, fast)
	standby.Start(t)
	second := h.serve(t, h.configOf(followed))
	h.until(t, "the slot of the standby stands inside a segment", func() bool {
		a, errA := h.status(h.config)
		b, errB := h.status(h.configOf(followed))
		return errA == nil && errB == nil && a.HeartbeatStored > 5 && b.TailRunning && slotAt(t, standby)%(16<<20) != 0
	})
	before := newestRow(t, h.server)
	h.until(t, "the standby has the row", func() bool { return newestRow(t, standby).seq >= before.seq })
	second.kill(t)
	h.server.Kill(t)
	primary.kill(t)
	standby.Exec(t, "SELECT pg_promote()")
	third := h.serve(t, h.configOf(followed))
	h.until(t, "the new primary's heartbeats are stored", func() bool {
		s, err := h.status(h.configOf(followed))
		return err == nil && s.TailTimeline == 2 && s.HeartbeatStored > before.seq+5
	})
	last := newestRow(t, standby)
	h.until(t, "the tail says that it holds the last row", func() bool {
		s, err := h.status(h.configOf(followed))
		return err == nil && uint64(s.TailShipped) >= last.lsn
	})
	standby.Kill(t)
	third.kill(t)

	target := h.restored(t, copied, "fetch: {tail_timeline: 2, patience: 2s}\n", "recovery_target_timeline = 'latest'")
	h.serve(t, h.configOf(copied))
	target.Start(t)
	h.until(t, "recovery ends", func() bool { return !pgtest.Query[bool](t, target, "SELECT pg_is_in_recovery()") })
	if got := newestRow(t, target); got.seq < last.seq {
		t.Errorf("recovered to heartbeat %d, %d was committed and said to be shipped", got.seq, last.seq)
	}
}

// While archiving is stalled and the daemon down, segments fill up. The next daemon
// begins where the stores end, not where the server writes.
func TestTailLeavesNoHoleBehindADaemonThatWasDown(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	d := h.serve(t, h.config)
	h.until(t, "there is a slot", func() bool {
		return pgtest.Query[bool](t, h.server, "SELECT EXISTS (SELECT 1 FROM pg_replication_slots WHERE restart_lsn IS NOT NULL)")
	})
	began := slotAt(t, h.server)
	h.until(t, "the tail has shipped what is before the slot", func() bool {
		s, err := h.status(h.config)
		return err == nil && s.TailShipped > began
	})
	d.kill(t)
	h.server.Exec(t, "ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()")
	written := h.fill(t, 7)
	h.serve(t, h.config)
	h.until(t, "the tail says that it holds all", func() bool {
		at := slotAt(t, h.server)
		if held := h.heldSince(t, began, at); held < at {
			t.Fatalf("the slot is acknowledged up to %s, the stores hold WAL up to %s", at, held)
		}
		s, err := h.status(h.config)
		return err == nil && s.TailShipped >= written
	})
	if held := h.heldSince(t, began, written); held < written {
		t.Errorf("said to be shipped up to %s, the stores hold WAL up to %s", written, held)
	}
}

// A slot made anew stands in front of what was never archived: the tail begins before
// it, as long as the server has that; what it has not is an alarm until it is there.
func TestTailGapIsAnAlarmUntilItIsClosed(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	h.server.Exec(t, "ALTER SYSTEM SET archive_command = 'false'", "SELECT pg_reload_conf()")
	names := []string{h.switchWAL(t), h.switchWAL(t), h.switchWAL(t)}
	h.server.Exec(t, "CHECKPOINT") // a slot begins here
	h.until(t, "the archiver has tried", func() bool {
		_, err := os.Stat(h.walFile("archive_status/" + names[2] + ".ready"))
		return err == nil
	})
	aside := filepath.Join(h.dir, names[1])
	if err := os.Rename(h.walFile(names[1]), aside); err != nil {
		t.Fatal(err)
	}
	seg, err := wal.SegmentSize(16 << 20).ParseSegment(names[1])
	if err != nil {
		t.Fatal(err)
	}
	hole := wal.LSN(seg.Number * 16 << 20)
	d := h.serve(t, h.config)
	gone := func() bool {
		s, err := h.status(h.config)
		return err == nil && s.TailRunning && s.TailShipped == hole && s.TailLag > 0 && alarms(s, walship.EventTailGap)
	}
	h.until(t, "the gap is an alarm, and the tail goes on behind it", gone)
	now := wal.LSN(newestRow(t, h.server).lsn)
	h.until(t, "what is behind the gap is shipped", func() bool { return h.heldSince(t, hole+16<<20, now) >= now })
	if held := h.heldSince(t, hole-16<<20, now); held != hole {
		t.Errorf("the stores hold WAL up to %s, the gap begins at %s", held, hole)
	}
	if s, err := h.status(h.config); err != nil || s.TailShipped != hole || s.TailLagBytes <= 0 {
		t.Errorf("status %+v, %v", s, err)
	}
	d.kill(t)
	h.serve(t, h.config)
	h.until(t, "the next daemon finds the gap", gone)
	if err := os.Rename(aside, h.walFile(names[1])); err != nil {
		t.Fatal(err)
	}
	h.server.Exec(t, "ALTER SYSTEM RESET archive_command", "SELECT pg_reload_conf()")
	h.server.Restart(t)
	h.until(t, "the gap is closed", func() bool {
		s, err := h.status(h.config)
		return err == nil && !alarms(s, walship.EventTailGap) && s.TailShipped > now
	})
}

func (h *host) walFile(name string) string { return filepath.Join(h.server.DataDir, "pg_wal", name) }

func alarms(s walship.Status, kind walship.EventKind) bool {
	for _, event := range s.Alarms {
		if event.Kind == kind {
			return true
		}
	}
	return false
}

func TestHeldUpToEndsAtTheFirstHole(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	for i, name := range box.segments(t, 3, 8) {
		if i == 1 || i == 4 { // segments 4 and 7
			continue
		}
		if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
			t.Fatal(err)
		}
	}
	size := int(box.size())
	shipPiece(t, box, archiver, 4, 0, size/2)
	shipPiece(t, box, archiver, 4, size/2, size)
	shipPiece(t, box, archiver, 7, 0, 1000)
	shipPiece(t, box, archiver, 7, 1001, 2000)
	at := func(number, offset int) wal.LSN { return wal.LSN(number*size + offset) }
	for _, c := range []struct {
		what              string
		from, until, want wal.LSN
	}{
		{"through pieces that make a segment, to a hole in pieces", at(3, 5), at(8, 10), at(7, 1000)},
		{"no further than asked", at(3, 0), at(5, 7), at(5, 7)},
		{"from the start of the first segment", at(7, 1500), at(8, 10), at(7, 1000)},
		{"of a segment that is not there", at(2, 9), at(8, 10), at(2, 0)},
		{"of nothing", at(9, 0), at(9, 0), at(9, 0)},
		{"up to where it begins", at(7, 500), at(7, 500), at(7, 500)},
		{"up to where it begins, behind a hole", at(7, 1500), at(7, 1500), at(7, 1000)},
	} {
		got, err := walship.HeldUpTo(t.Context(), box.cluster(), wal.History{Timeline: 1}.Path(), c.from, c.until)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.what, got, err, c.want)
		}
	}
	history, err := wal.ParseHistory(2, []byte("1\t"+at(5, 50).String()+"\tpromoted\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := walship.HeldUpTo(t.Context(), box.cluster(), history.Path(), at(3, 0), at(5, 90))
	if err != nil || got != at(5, 0) {
		t.Errorf("where the new timeline's copy is missing: %s, %v, want %s", got, err, at(5, 0))
	}
}

func TestHeldUpToCountsNoSilentStore(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	box.switches[1].cut.Store(true)
	for _, name := range box.segments(t, 3, 4) {
		if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
			t.Fatal(err)
		}
	}
	path, until := wal.History{Timeline: 1}.Path(), wal.LSN(5*box.size())
	got, err := walship.HeldUpTo(t.Context(), box.cluster(), path, wal.LSN(3*box.size()), until)
	if err != nil || got != until {
		t.Errorf("%s, %v, want all held, whatever the silent store has", got, err)
	}
	got, err = walship.HeldUpTo(t.Context(), box.cluster(), path, wal.LSN(3*box.size()), until+1)
	if err == nil || !strings.Contains(err.Error(), "far") || got != until {
		t.Errorf("%s, %v, want %s and what the silent store said", got, err, until)
	}
	box.switches[0].cut.Store(true)
	if got, err := walship.HeldUpTo(t.Context(), box.cluster(), path, wal.LSN(3*box.size()), until); err == nil || got != wal.LSN(3*box.size()) {
		t.Errorf("%s, %v, want nothing held", got, err)
	}
}
