package wal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	treeSegment = wal.SegmentSize(1 << 20)
	treeStep    = wal.LSN(treeSegment / 4) // every position of a tree is a multiple of it
	treeSteps   = 60                       // positions looked at; every branch lies below
)

// tree is a cluster's timelines: which one each left, and where.
type tree struct {
	parent map[wal.Timeline]wal.Timeline
	begin  map[wal.Timeline]wal.LSN
	paths  map[wal.Timeline]wal.Path
	count  wal.Timeline
}

func drawTree(t *rapid.T) tree {
	r := tree{
		parent: map[wal.Timeline]wal.Timeline{}, begin: map[wal.Timeline]wal.LSN{1: 0},
		paths: map[wal.Timeline]wal.Path{1: wal.History{Timeline: 1}.Path()}, count: wal.Timeline(rapid.IntRange(1, 7).Draw(t, "timelines")),
	}
	histories := map[wal.Timeline]wal.History{1: {Timeline: 1}}
	for next := wal.Timeline(2); next <= r.count; next++ {
		parent := wal.Timeline(rapid.IntRange(1, int(next)-1).Draw(t, "parent"))
		end := max(treeStep, r.begin[parent]+treeStep*wal.LSN(rapid.IntRange(0, 7).Draw(t, "switch")))
		r.parent[next], r.begin[next] = parent, end
		reason := rapid.SampledFrom([]string{"", "no recovery target specified", "before 2026-03-01 10:00:00+00"}).Draw(t, "reason")
		written := wal.History{Timeline: next, Ancestors: append(slices.Clone(histories[parent].Ancestors), wal.Ancestor{Timeline: parent, End: end, Reason: reason})}
		read, err := wal.ParseHistory(next, written.Format())
		if err != nil || cmp.Diff(written, read) != "" {
			t.Fatalf("history does not survive its format: %v %s", err, cmp.Diff(written, read))
		}
		histories[next], r.paths[next] = read, read.Path()
	}
	return r
}

// wrote returns which timeline wrote position in the log of timeline tli: its own from
// where it began, its parent's before.
func (r tree) wrote(tli wal.Timeline, position wal.LSN) wal.Timeline {
	for position < r.begin[tli] {
		tli = r.parent[tli]
	}
	return tli
}

// same reports whether two timelines have the same bytes in [from, until).
func (r tree) same(a, b wal.Timeline, from, until wal.LSN) bool {
	for p := from; p < until; p += treeStep {
		if r.wrote(a, p) != r.wrote(b, p) {
			return false
		}
	}
	return true
}

// descends reports whether b is a or came from it, through any number of switches.
func (r tree) descends(b, a wal.Timeline) bool {
	for b > a {
		b = r.parent[b]
	}
	return b == a
}

// TestL7PathsFollowTheTree: the paths through a cluster's history files lead where its
// timelines really came from. A way from one timeline to another exists exactly if the
// other descends from it, up to where their logs part.
func TestL7PathsFollowTheTree(t *testing.T) {
	t.Parallel()
	for round := range 10 {
		t.Run(fmt.Sprint(round), rapid.MakeCheck(func(t *rapid.T) {
			r := drawTree(t)
			for b := wal.Timeline(1); b <= r.count; b++ {
				r.checkOwners(t, b)
				r.checkSources(t, b)
				for a := wal.Timeline(1); a <= r.count; a++ {
					r.checkWay(t, a, b)
				}
			}
		}))
	}
}

func (r tree) checkOwners(t *rapid.T, tli wal.Timeline) {
	path := r.paths[tli]
	if path.Target() != tli {
		t.Fatalf("the path to timeline %d leads to %d", tli, path.Target())
	}
	for step := range wal.LSN(treeSteps) {
		for _, p := range []wal.LSN{step * treeStep, step*treeStep + 1, (step+1)*treeStep - 1} {
			if got, want := path.TimelineAt(p), r.wrote(tli, p); got != want {
				t.Fatalf("position %s of timeline %d was written by %d, the path says %d", p, tli, want, got)
			}
		}
	}
}

// checkWay: a cluster at a position of timeline a may follow b exactly if b came from a
// and has every byte up to there.
func (r tree) checkWay(t *rapid.T, a, b wal.Timeline) {
	for step := range wal.LSN(treeSteps) {
		p := step * treeStep
		want := r.descends(b, a) && p >= r.begin[a] && r.same(a, b, 0, p)
		if got := r.paths[b].Reached(a, p); got != want {
			t.Fatalf("from %s of timeline %d to timeline %d: %v, want %v (%+v)", p, a, b, got, want, r.paths[b])
		}
		if a != b && r.paths[b].Reached(a, p+1) && !r.same(a, b, 0, p+treeStep) {
			t.Fatalf("a byte after %s on timeline %d is no part of timeline %d", p, a, b)
		}
	}
	from, parts := r.paths[a].Common(r.paths[b])
	if parts != (a != b) || parts && (!r.same(a, b, 0, from) || r.same(a, b, from, from+treeStep)) {
		t.Fatalf("timelines %d and %d part at %s, %v", a, b, from, parts)
	}
}

// checkSources: the copies named for a segment are all those that hold the bytes, and
// no other, in the order in which PostgreSQL asks for them.
func (r tree) checkSources(t *rapid.T, tli wal.Timeline) {
	for number := range uint64(treeSteps / 4) {
		start := treeSegment.Start(wal.Segment{Number: number})
		for until := start + treeStep; until <= start+2*wal.LSN(treeSegment); until += treeStep {
			var want []wal.Timeline
			for _, s := range slices.Backward(r.paths[tli]) {
				has := treeSegment.SegmentAt(0, r.begin[s.Timeline]).Number <= number
				if has && r.same(s.Timeline, tli, start, min(until, start+wal.LSN(treeSegment))) {
					want = append(want, s.Timeline)
				}
			}
			if diff := cmp.Diff(want, r.paths[tli].Sources(treeSegment, number, until)); diff != "" {
				t.Fatalf("copies of segment %d up to %s for timeline %d: %s", number, until, tli, diff)
			}
		}
	}
}
