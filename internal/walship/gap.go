package walship

import (
	"context"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// gapEvery is how often stores are asked whether a gap is closed.
const gapEvery = time.Minute

// gap is WAL that stores lack and the server has no longer. Until it is closed, by
// whoever pushes its segments, a recovery ends at from.
type gap struct {
	from, to wal.LSN
	since    time.Time // when its first byte was written, or later
	looked   time.Time // when stores were asked last
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

// lookAtGap closes a gap once stores hold what was missing. They are asked when the
// next missing segment was archived, and now and then.
func (t *tail) lookAtGap(ctx context.Context, path wal.Path) {
	if !t.gap.open() {
		return
	}
	archived := t.skipArchived(path, t.gap.from, t.gap.to) > t.gap.from
	if !archived && time.Since(t.gap.looked) < gapEvery {
		return
	}
	t.gap.looked = time.Now()
	held, _ := t.held(ctx, path, t.gap.from, t.gap.to, t.gap.to) // less than there is where a store is silent
	t.gap.from = max(t.gap.from, held)
	t.meter.missing(t.gap)
	if !t.gap.open() {
		t.report.clear(EventTailGap, EventTailUp, "", "the stores hold what was missing before "+t.gap.to.String())
	}
}
