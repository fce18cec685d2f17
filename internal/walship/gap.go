package walship

import (
	"context"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// gapEvery is how often stores are asked whether a gap is closed, and gapPatience how
// long they may take to say it.
const (
	gapEvery    = time.Minute
	gapPatience = gapEvery / 2
)

// gap is WAL that stores lack and the server has no longer. Until it is closed, by
// whoever pushes its segments, a recovery ends at from.
type gap struct {
	from, to wal.LSN
	since    time.Time // when its first byte was written, or later
	looked   time.Time // when stores were asked last, or it was found
	asked    bool      // they were asked since it was found
}

func (g gap) open() bool { return g.to > g.from }

// removed looks at why a session ended. Where the server no longer has what comes next,
// the next session begins behind that, and the gap is an alarm.
func (t *tail) removed(err error, link *replication, where position) {
	if !hasCode(err, codeRemoved) {
		return
	}
	next := t.reached.from
	behind, err := t.doubted(where.path, next, link.kept)
	if behind = t.segmentStart(behind); err != nil || next >= behind {
		behind = t.segmentStart(where.flushed)
	}
	if next >= behind { // not even what is being written is there
		return
	}
	if !t.gap.open() {
		t.gap = gap{from: next, since: t.settled}
	}
	if t.gap.since.IsZero() {
		t.gap.since = time.Now()
	}
	t.gap.to, t.gap.looked = behind, time.Now()
	t.meter.missing(t.gap)
	t.report.raise(EventTailGap, "", t.gap.from.String(), fmt.Sprintf(
		"WAL from %s to %s is not in the stores, and the server has removed it: no recovery gets past %s", t.gap.from, behind, t.gap.from))
	t.reached = position{timeline: t.segmentOn(where.path, behind).Timeline, from: behind}
}

// lookAtGap closes a gap once stores hold what was missing. They are asked now and then,
// the first time as soon as the next missing segment was archived. What they list may
// take long: the stream does not wait for it.
func (t *tail) lookAtGap(ctx context.Context, path wal.Path) {
	if held := t.gapHeld.Swap(0); held > 0 {
		t.closeGap(wal.LSN(held))
	}
	if !t.gap.open() || (time.Since(t.gap.looked) < gapEvery && !t.archivedFirst(path)) {
		return
	}
	t.gap.looked, t.gap.asked = time.Now(), true
	from, to := t.gap.from, t.gap.to
	t.gapLook.try(func() {
		ctx, cancel := context.WithTimeout(ctx, gapPatience)
		defer cancel()
		held, _ := t.held(ctx, path, from, to, to) // less than there is where a store is silent
		t.gapHeld.Store(uint64(held))
	})
}

// archivedFirst says that the next missing segment was archived before stores were asked
// about it at all.
func (t *tail) archivedFirst(path wal.Path) bool {
	return !t.gap.asked && t.skipArchived(path, t.gap.from, t.gap.to) > t.gap.from
}

// closeGap notes how far stores hold what was missing.
func (t *tail) closeGap(held wal.LSN) {
	t.gap.from = max(t.gap.from, held)
	t.meter.missing(t.gap)
	if !t.gap.open() {
		t.report.clear(EventTailGap, EventTailUp, "", "the stores hold what was missing before "+t.gap.to.String())
	}
}
