package recovery_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// quarter is the granularity of the worlds below: four positions a segment.
const quarter = wal.LSN(segment / 4)

// world is a random cluster history: timelines that branched off one another,
// and the segments that happen to be in the archive.
type world struct {
	question recovery.Question
	paths    map[wal.Timeline]wal.Path
	present  map[wal.Segment]bool
}

func drawWorld(t *rapid.T) world {
	w := world{paths: map[wal.Timeline]wal.Path{1: wal.History{Timeline: 1}.Path()}, present: map[wal.Segment]bool{}}
	w.question = recovery.Question{SystemID: system, WAL: recovery.WALInventory{SystemID: system, SegmentSize: segment}}
	histories := map[wal.Timeline]wal.History{1: {Timeline: 1}}
	timelines := rapid.IntRange(1, 4).Draw(t, "timelines")
	for next := wal.Timeline(2); int(next) <= timelines; next++ {
		parent := histories[wal.Timeline(rapid.IntRange(1, int(next)-1).Draw(t, "parent"))]
		begin := wal.LSN(4)
		if n := len(parent.Ancestors); n > 0 {
			begin = parent.Ancestors[n-1].End / quarter
		}
		end := begin + wal.LSN(rapid.IntRange(0, 16).Draw(t, "switch"))
		h := wal.History{Timeline: next, Ancestors: append(append([]wal.Ancestor{}, parent.Ancestors...), wal.Ancestor{Timeline: parent.Timeline, End: end * quarter})}
		histories[next], w.paths[next] = h, h.Path()
		w.question.WAL.Histories = append(w.question.WAL.Histories, h)
	}
	for tli := wal.Timeline(1); int(tli) <= timelines; tli++ {
		w.drawArchive(t, tli)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "sets") {
		w.drawSet(t, string(rune('a'+i)), timelines)
	}
	w.question.Target = recovery.Target{
		Kind: recovery.TargetLSN, LSN: quarter * wal.LSN(rapid.IntRange(4, 60).Draw(t, "target")),
		Timeline: wal.Timeline(rapid.IntRange(0, timelines).Draw(t, "target timeline")),
	}
	return w
}

// drawArchive archives the segments of one timeline, some missing, in ranges.
func (w *world) drawArchive(t *rapid.T, tli wal.Timeline) {
	path := w.paths[tli]
	first := segment.SegmentAt(tli, path[len(path)-1].Start).Number
	last := first + uint64(rapid.IntRange(0, 10).Draw(t, "length"))
	for number := first; number <= last; number++ {
		if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
			continue
		}
		w.present[wal.Segment{Timeline: tli, Number: number}] = true
		w.question.WAL.Ranges = append(w.question.WAL.Ranges, have(tli, number, number))
	}
	if rapid.Bool().Draw(t, "tail") {
		end := segment.Start(wal.Segment{Number: last + 1}) + quarter*wal.LSN(rapid.IntRange(1, 4).Draw(t, "valid"))
		w.question.WAL.Tails = append(w.question.WAL.Tails, recovery.Tail{Timeline: tli, Number: last + 1, ValidUpTo: end, Stores: []string{"one"}})
	}
}

func (w *world) drawSet(t *rapid.T, id string, timelines int) {
	tli := wal.Timeline(rapid.IntRange(1, timelines).Draw(t, "set timeline"))
	path := w.paths[tli]
	start := path[len(path)-1].Start + quarter*wal.LSN(rapid.IntRange(1, 24).Draw(t, "start"))
	s := set(id, tli, 0, 0)
	s.StartLSN, s.StopLSN = start, start+quarter*wal.LSN(rapid.IntRange(1, 6).Draw(t, "stop"))
	s.Damaged = rapid.IntRange(0, 5).Draw(t, "damaged") == 0
	w.question.Sets = append(w.question.Sets, s)
}

// readable decides by brute force, quarter by quarter, whether every position in
// [from, until) can be read as the target timeline wrote it.
func (w *world) readable(target wal.Timeline, from, until wal.LSN) bool {
	first, last := segment.SegmentAt(0, from).Number, segment.SegmentAt(0, until-1).Number
	for number := first; number <= last; number++ {
		if !w.segmentReadable(target, number, until) {
			return false
		}
	}
	return true
}

func (w *world) segmentReadable(target wal.Timeline, number uint64, until wal.LSN) bool {
	for _, stretch := range w.paths[target] { // PostgreSQL asks for no other timeline's copy
		copyOf, path := stretch.Timeline, w.paths[stretch.Timeline]
		if w.present[wal.Segment{Timeline: copyOf, Number: number}] && sameBytes(path, w.paths[target], number, until) {
			return true
		}
	}
	for _, tail := range w.question.WAL.Tails {
		if tail.Timeline == target && tail.Number == number && tail.ValidUpTo >= until && number == segment.SegmentAt(0, until-1).Number {
			return true
		}
	}
	return false
}

// sameBytes reports whether two timelines have the same bytes from the segment's
// start up to until: every quarter was written by the same timeline.
func sameBytes(a, b wal.Path, number uint64, until wal.LSN) bool {
	start := segment.Start(wal.Segment{Number: number})
	for p := start; p < min(until, start+wal.LSN(segment)); p += quarter {
		if a.TimelineAt(p) != b.TimelineAt(p) {
			return false
		}
	}
	return true
}

// canReach decides by brute force whether a sound set leads to the target.
func (w *world) canReach(target wal.Timeline) bool {
	for _, s := range w.question.Sets {
		onPath := w.paths[target].TimelineAt(s.StartLSN) == s.Timeline && w.paths[target].Reached(s.Timeline, s.StopLSN)
		if !s.Damaged && onPath && s.StopLSN <= w.question.Target.LSN && w.readable(target, s.StartLSN, w.question.Target.LSN+1) {
			return true
		}
	}
	return false
}

// L4, L7: a choice never has a gap, and a reachable target is never refused.
func TestChooseAgreesWithBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		choice, err := recovery.Choose(w.question)
		if err != nil {
			classed := failure.Is(err, failure.WALGap) || failure.Is(err, failure.TargetUnreachable)
			if !classed || failure.HintOf(err) == "" {
				t.Fatalf("unexpected refusal: %v", err)
			}
			if tli := w.question.Target.Timeline; tli != 0 && w.canReach(tli) {
				t.Fatalf("refused though reachable: %v", err)
			}
			return
		}
		w.checkChoice(t, choice)
	})
}

func (w *world) checkChoice(t *rapid.T, choice recovery.Choice) {
	s, target := choice.Set, choice.TargetTimeline
	if s.Damaged || s.StopLSN > w.question.Target.LSN || !w.readable(target, s.StartLSN, w.question.Target.LSN+1) {
		t.Fatalf("set %s to timeline %d does not lead to the target", s.ID, target)
	}
	number := segment.SegmentAt(0, s.StartLSN).Number
	for _, r := range choice.Segments {
		if r.First != number {
			t.Fatalf("segment %d is missing from the choice", number)
		}
		for ; number <= r.Last; number++ {
			seg := wal.Segment{Timeline: r.Timeline, Number: number}
			if !w.present[seg] || !sameBytes(w.paths[r.Timeline], w.paths[target], number, w.question.Target.LSN+1) {
				t.Fatalf("segment %+v is missing or of another branch", seg)
			}
		}
	}
	last := segment.SegmentAt(0, w.question.Target.LSN).Number
	if choice.TailUsed != nil && choice.TailUsed.Number == number {
		number++
	}
	if number != last+1 {
		t.Fatalf("the choice ends before segment %d, needs %d", number, last)
	}
}
