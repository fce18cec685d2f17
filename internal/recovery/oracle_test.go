package recovery_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestL4L7L13ChooseAgreesWithBruteForce: a choice never has a gap, never begins with a
// set that ended after the target, and begins with the newest set there is; a target
// that a set leads to is never refused.
func TestL4L7L13ChooseAgreesWithBruteForce(t *testing.T) {
	t.Parallel()
	for round := range 20 { // worlds are cheap, and few of them are odd
		t.Run(fmt.Sprint(round), rapid.MakeCheck(agrees))
	}
}

func agrees(t *rapid.T) {
	w := drawWorld(t)
	choice, err := recovery.Choose(w.question)
	if err == nil {
		w.checkChoice(t, choice)
		return
	}
	classed := failure.Is(err, failure.WALGap) || failure.Is(err, failure.TargetUnreachable)
	if !classed || failure.HintOf(err) == "" {
		t.Fatalf("unexpected refusal: %v", err)
	}
	tli := w.question.Target.Timeline
	if tli == 0 {
		return
	}
	if n, known := w.needOf(tli); known && len(w.suitable(tli, n)) > 0 {
		t.Fatalf("refused though %v lead there: %v", w.suitable(tli, n), err)
	}
}

// need is what a target asks of the log and of a set, found by looking at every commit.
type need struct {
	until    wal.LSN   // recovery reads up to here, exclusive
	stopBy   wal.LSN   // a set is consistent at or before this
	stopTime time.Time // and at or before this; zero: no bound
	after    wal.LSN   // a set begins at or after this
}

// needOf says what the target needs on the way to timeline tli; false where the
// target is not known to lie there.
func (w *world) needOf(tli wal.Timeline) (need, bool) {
	target := w.question.Target
	switch target.Kind {
	case recovery.TargetLSN:
		return need{until: target.LSN + 1, stopBy: target.LSN}, true
	case recovery.TargetTime:
		return w.needOfTime(tli)
	case recovery.TargetName:
		return w.needOfName(tli)
	case recovery.TargetLatest:
	}
	return w.needOfLatest(tli)
}

// needOfLatest: nothing stops replay but the end of the last segment, so that is read
// whole, or is the tail.
func (w *world) needOfLatest(tli wal.Timeline) (need, bool) {
	path, end := w.paths[tli], w.end(tli)
	n := need{until: end, stopBy: end}
	streamed := slices.ContainsFunc(w.question.WAL.Tails, func(tail recovery.Tail) bool { return tail.Timeline == tli && tail.ValidUpTo == end })
	if over := end % wal.LSN(segment); over != 0 && !streamed {
		n.until += wal.LSN(segment) - over
	}
	return n, end >= path[len(path)-1].Start
}

// needOfTime: PostgreSQL stops at the first commit after the moment, in log order.
// Only heartbeats tell where that is.
func (w *world) needOfTime(tli wal.Timeline) (need, bool) {
	at := w.question.Target.Time
	n := need{stopTime: at}
	for _, beat := range w.question.Heartbeats {
		later := beat.At.After(at) && w.onPath(tli, beat.Timeline, beat.LSN)
		if later && (n.until == 0 || beat.LSN < n.until) {
			n.until, n.stopBy = beat.LSN, beat.LSN
		}
	}
	return n, n.until != 0
}

// needOfName: replay stops at the first point so named, so a set must begin after
// every older one.
func (w *world) needOfName(tli wal.Timeline) (need, bool) {
	var newest *recovery.RestorePoint
	for i, p := range w.question.RestorePoints {
		if w.onPath(tli, p.Timeline, p.LSN) && (newest == nil || p.At.After(newest.At)) {
			newest = &w.question.RestorePoints[i]
		}
	}
	if newest == nil {
		return need{}, false
	}
	n := need{until: newest.LSN, stopBy: newest.LSN}
	for _, p := range w.question.RestorePoints {
		if w.onPath(tli, p.Timeline, p.LSN) && p.LSN < newest.LSN {
			n.after = max(n.after, p.LSN)
		}
	}
	return n, true
}

// onPath reports whether what timeline tli committed at position is part of target's
// log: the byte before it, the commit's last, was written by tli.
func (w *world) onPath(target, tli wal.Timeline, position wal.LSN) bool {
	return w.paths[target].TimelineAt(position-1) == tli
}

// end returns the end of the newest WAL on the way to tli, gaps or not.
func (w *world) end(tli wal.Timeline) wal.LSN {
	var end wal.LSN
	for seg := range w.present {
		for p := segment.Start(seg); p < segment.Start(seg)+wal.LSN(segment); p += quarter {
			if w.paths[tli].TimelineAt(p) == seg.Timeline {
				end = max(end, p+quarter)
			}
		}
	}
	for _, tail := range w.question.WAL.Tails {
		if tail.Timeline == tli {
			end = max(end, tail.ValidUpTo)
		}
	}
	return end
}

// suitable lists the sets from which tli's log can be read up to what is needed.
func (w *world) suitable(tli wal.Timeline, n need) []recovery.SetSummary {
	var found []recovery.SetSummary
	for _, s := range w.question.Sets {
		sound := !s.Damaged && w.paths[tli].TimelineAt(s.StartLSN) == s.Timeline && w.onPath(tli, s.Timeline, s.StopLSN)
		inTime := s.StopLSN <= n.stopBy && s.StartLSN >= n.after && (n.stopTime.IsZero() || !s.StoppedAt.After(n.stopTime))
		if sound && inTime && w.readable(tli, s.StartLSN, n.until) {
			found = append(found, s)
		}
	}
	return found
}

// readable decides by brute force, segment by segment, whether every position in
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

func (w *world) checkChoice(t *rapid.T, choice recovery.Choice) {
	target := choice.TargetTimeline
	if asked := w.question.Target.Timeline; asked != 0 && asked != target {
		t.Fatalf("timeline %d, asked for %d", target, asked)
	}
	n, known := w.needOf(target)
	if !known {
		w.checkEstimate(t, choice)
		return
	}
	suitable := w.suitable(target, n)
	leads := false
	for _, s := range suitable {
		leads = leads || s.ID == choice.Set.ID
		if s.StopLSN > choice.Set.StopLSN {
			t.Fatalf("set %s (to %s) was chosen, %s (to %s) is newer", choice.Set.ID, choice.Set.StopLSN, s.ID, s.StopLSN)
		}
	}
	if !leads {
		t.Fatalf("set %s to timeline %d does not lead to %s (%+v), only %v do", choice.Set.ID, target, w.question.Target, n, suitable)
	}
	w.checkSegments(t, choice, n.until)
	if w.question.Target.Kind == recovery.TargetTime {
		w.checkReach(t, choice)
	}
}

// checkEstimate: without a heartbeat the place of a moment is only estimated, and is
// said to be. A set that ended after the moment is out of the question all the same.
func (w *world) checkEstimate(t *rapid.T, choice recovery.Choice) {
	if choice.ExpectedReach.Basis != recovery.BasisEstimate || len(w.question.Heartbeats) > 0 && w.beats(choice.TargetTimeline) {
		t.Fatalf("%s is not known to be on timeline %d, and was chosen as %+v", w.question.Target, choice.TargetTimeline, choice.ExpectedReach)
	}
	if choice.Set.Damaged || choice.Set.StoppedAt.After(w.question.Target.Time) {
		t.Fatalf("set %s ended at %s, after %s", choice.Set.ID, choice.Set.StoppedAt, w.question.Target)
	}
	if !w.readable(choice.TargetTimeline, choice.Set.StartLSN, choice.ExpectedReach.LSN) {
		t.Fatalf("set %s has a gap before %s", choice.Set.ID, choice.ExpectedReach.LSN)
	}
}

func (w *world) beats(tli wal.Timeline) bool {
	for _, beat := range w.question.Heartbeats {
		if w.onPath(tli, beat.Timeline, beat.LSN) {
			return true
		}
	}
	return false
}

// checkSegments: the segments are those PostgreSQL reads, from the set's start to
// until, one after the other, the last perhaps as tail.
func (w *world) checkSegments(t *rapid.T, choice recovery.Choice, until wal.LSN) {
	number := segment.SegmentAt(0, choice.Set.StartLSN).Number
	for _, r := range choice.Segments {
		if r.First != number {
			t.Fatalf("segment %d is missing from the choice", number)
		}
		for ; number <= r.Last; number++ {
			seg := wal.Segment{Timeline: r.Timeline, Number: number}
			if !w.present[seg] || !sameBytes(w.paths[r.Timeline], w.paths[choice.TargetTimeline], number, until) {
				t.Fatalf("segment %+v is missing or of another branch", seg)
			}
		}
	}
	if choice.TailUsed != nil && choice.TailUsed.Number == number {
		number++
	}
	if last := segment.SegmentAt(0, until-1).Number; number != last+1 {
		t.Fatalf("the choice ends before segment %d, needs %d", number, last)
	}
}

// checkReach holds what people are told against every commit on the path: recovery
// ends before the first one later than the moment, which lies at or before the reach,
// and includes the commit that serves as proof.
func (w *world) checkReach(t *rapid.T, choice recovery.Choice) {
	path, at, reach := w.paths[choice.TargetTimeline], w.question.Target.Time, choice.ExpectedReach
	for p := path[0].Start + quarter; p <= reach.LSN; p += quarter {
		commit := w.wrote(path.TimelineAt(p-1), p)
		if commit.After(at) {
			if reach.Proof >= p {
				t.Fatalf("recovery stops before %s (%s), and is to prove %s", p, commit, reach.Proof)
			}
			return
		}
	}
	t.Fatalf("no commit up to %s is later than %s", reach.LSN, at)
}
