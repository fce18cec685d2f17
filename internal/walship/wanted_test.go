package walship_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// given is a box with segment 3 and the beginning of segment 4, both in both stores
// and all that a recovery was given; more of segment 4 came later.
func given(t *testing.T) *sandbox {
	t.Helper()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) { s.Fetch.Patience, s.Fetch.TailTimeline = 300*time.Millisecond, 1 })
	archiver := box.archiver(t)
	if err := archiver.Push(t.Context(), "pg_wal/"+box.segments(t, 3, 3)[0]); err != nil {
		t.Fatal(err)
	}
	shipPiece(t, box, archiver, 4, 0, 5000)
	box.both(t, 2)
	box.opts.Only = map[string]bool{}
	for _, key := range keysUnder(t, box.opts.Stores[0], "v1/") {
		box.opts.Only[key] = true
	}
	shipPiece(t, box, archiver, 4, 5000, 9000)
	box.both(t, 3)
	return box
}

// both waits until both stores hold so many objects.
func (b *sandbox) both(t *testing.T, count int) {
	t.Helper()
	pgtest.Eventually(t, "both stores to hold everything", func() bool {
		return len(keysUnder(t, b.opts.Stores[0], "v1/")) == count && len(keysUnder(t, b.opts.Stores[1], "v1/")) == count
	})
}

// TestSilentStoreHoldsUpNoApprovedRecovery: what a recovery was given is all there is
// for it. A store that does not answer is missed where it alone has some of that, and
// nowhere else: neither at the unfinished end, nor behind it, nor at the promotion.
func TestSilentStoreHoldsUpNoApprovedRecovery(t *testing.T) {
	t.Parallel()
	box := given(t)
	box.switches[1].cut.Store(true)
	for number, length := range map[uint64]int{3: int(box.size()), 4: 5000} {
		seg := wal.Segment{Timeline: 1, Number: number}
		if err := box.fetch(t, box.size().Name(seg)); err != nil {
			t.Fatal(err)
		}
		want := makeSegment(box.size(), seg)
		clear(want[length:])
		if !bytes.Equal(box.recovered(t), want) {
			t.Errorf("segment %d is not what the recovery was given", number)
		}
	}
	wantClass(t, box.fetch(t, "000000010000000000000005"), failure.NotFound)
	wantClass(t, box.fetch(t, "00000001.history"), failure.NotFound)
	wantClass(t, box.fetch(t, "00000002.history"), failure.NotFound)
	repairs, err := walship.ReadRepairs(box.opts.Settings.Spool.Dir)
	if err != nil || len(repairs) != 1 || repairs[0].Store != "far" || repairs[0].Object != "00000002.history" {
		t.Errorf("%v; it is not said what the silent store was not asked: %+v", err, repairs)
	}
	for key := range box.opts.Only { // a recovery that follows timelines up to the third
		box.opts.Only[strings.ReplaceAll(key, "00000001", "00000003")] = true
		break
	}
	wantClass(t, box.fetch(t, "00000003.history"), failure.Unavailable)
	wantClass(t, box.fetch(t, "00000004.history"), failure.NotFound)
	box.cutAll(true)
	wantClass(t, box.fetch(t, "000000010000000000000003"), failure.Unavailable)
	wantClass(t, box.fetch(t, "00000004.history"), failure.Unavailable)
}

// TestL29SilentStoreIsMissedForWhatItAloneHas: a piece that the recovery was given and
// that nobody else has is not left out.
func TestL29SilentStoreIsMissedForWhatItAloneHas(t *testing.T) {
	t.Parallel()
	box := given(t)
	box.switches[0].cut.Store(true)
	shipPiece(t, box, box.archiver(t), 4, 9000, 9500)
	box.switches[0].cut.Store(false)
	box.opts.Only = map[string]bool{}
	for _, key := range keysUnder(t, box.opts.Stores[1], "v1/") {
		box.opts.Only[key] = true
	}
	box.switches[1].cut.Store(true)
	wantClass(t, box.fetch(t, "000000010000000000000004"), failure.Unavailable)
}

// TestL12WantedBehindTheEndIsAGap: also where no store needs to be asked.
func TestL12WantedBehindTheEndIsAGap(t *testing.T) {
	t.Parallel()
	box := given(t)
	shipPiece(t, box, box.archiver(t), 5, 0, 100)
	box.both(t, 4)
	for _, key := range keysUnder(t, box.opts.Stores[0], "v1/") {
		box.opts.Only[key] = true
	}
	wantClass(t, box.fetch(t, "000000010000000000000004"), failure.WALGap)
}

// TestSilentStoreIsNotAskedForEveryKey: it did not answer when the objects were
// located, and each question to it would be waited for.
func TestSilentStoreIsNotAskedForEveryKey(t *testing.T) {
	t.Parallel()
	box := given(t)
	silent := &memory.Counted{Store: box.opts.Stores[0]}
	box.switches[0].cut.Store(true)
	cluster := box.cluster()
	cluster.Stores[0] = silent
	located, err := walship.Prove(t.Context(), cluster, []wal.Range{{Timeline: 1, First: 3, Last: 3}})
	if err != nil {
		t.Fatal(err)
	}
	items, err := walship.KeyRequests(t.Context(), cluster, located)
	if err != nil || len(items) != 1 || silent.Gets.Load() != 0 {
		t.Errorf("%d keys of %d objects, the silent store was asked %d times: %v", len(items), len(located), silent.Gets.Load(), err)
	}
}
