package recovery

import (
	"cmp"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// route is one timeline that recovery could aim for, with what is known about
// the way to it.
type route struct {
	path      wal.Path
	beats     []Heartbeat // those that lie on the path, by position
	extent    wal.LSN     // end of the newest WAL on the path, gaps or not
	noHistory bool        // its history file is in no store; only its own sets can be used
}

func (r route) timeline() wal.Timeline { return r.path.Target() }

// newestBeat returns the newest heartbeat on the route, nil without any.
func (r route) newestBeat() *Heartbeat {
	if len(r.beats) == 0 {
		return nil
	}
	return &r.beats[len(r.beats)-1]
}

// routes returns a route for every timeline that anything mentions, newest first.
func routes(q Question) []route {
	histories := map[wal.Timeline]wal.History{}
	for _, h := range q.WAL.Histories {
		histories[h.Timeline] = h
	}
	var found []route
	for _, tli := range mentioned(q) {
		history, known := histories[tli]
		history.Timeline = tli
		r := route{path: history.Path(), noHistory: !known && tli > 1}
		r.beats = beatsOn(q, r.path)
		r.extent = extentOf(q.WAL, r.path)
		found = append(found, r)
	}
	return found
}

func mentioned(q Question) []wal.Timeline {
	var all []wal.Timeline
	for _, r := range q.WAL.Ranges {
		all = append(all, r.Timeline)
	}
	for _, h := range q.WAL.Histories {
		all = append(all, h.Timeline)
		for _, a := range h.Ancestors {
			all = append(all, a.Timeline)
		}
	}
	for _, t := range q.WAL.Tails {
		all = append(all, t.Timeline)
	}
	for _, s := range q.Sets {
		if s.SystemID == q.SystemID {
			all = append(all, s.Timeline)
		}
	}
	slices.SortFunc(all, func(a, b wal.Timeline) int { return cmp.Compare(b, a) })
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(t wal.Timeline) bool { return t == 0 })
}

// beatsOn returns the heartbeats of the system that the path includes, by
// position. Positions that cannot be are somebody's garbage and are left out.
func beatsOn(q Question, path wal.Path) []Heartbeat {
	var beats []Heartbeat
	for _, b := range q.Heartbeats {
		if b.SystemID == q.SystemID && b.LSN > 0 && b.LSN <= wal.MaxLSN && path.Reached(b.Timeline, b.LSN) {
			beats = append(beats, b)
		}
	}
	slices.SortFunc(beats, func(a, b Heartbeat) int {
		return cmp.Or(cmp.Compare(a.LSN, b.LSN), a.At.Compare(b.At), cmp.Compare(a.Sequence, b.Sequence))
	})
	return beats
}

// extentOf returns the end of the newest WAL on the path, whatever lies before it.
func extentOf(inventory WALInventory, path wal.Path) wal.LSN {
	var extent wal.LSN
	size := inventory.SegmentSize
	for _, stretch := range path {
		first := size.SegmentAt(0, stretch.Start).Number
		for _, r := range inventory.Ranges {
			if r.Timeline != stretch.Timeline || r.Last < first || len(r.Stores) == 0 {
				continue
			}
			end := size.Start(wal.Segment{Number: r.Last + 1})
			if stretch.End != 0 {
				end = min(end, stretch.End)
			}
			extent = max(extent, end)
		}
	}
	if tail := tailFor(inventory, path); tail != nil {
		extent = max(extent, tail.ValidUpTo)
	}
	return extent
}

// pickRoute decides which timeline leads to the target, and where on it the goal
// lies. A timeline the target names is taken as it is. Otherwise:
//
//   - latest: the timeline with the newest heartbeat (time decides, not the
//     number: after a rolled-back recovery the older number lives on); without
//     heartbeats the highest number.
//   - time: the newest timeline that was alive at that moment, so that neither a
//     forgotten primary nor a later point-in-time recovery captures the target;
//     failing that the one with the newest heartbeat before it.
//   - LSN: the newest timeline whose WAL extends that far.
//   - name: the newest timeline that includes the newest restore point so named.
func pickRoute(q Question) (route, goal, error) {
	all := routes(q)
	if q.Target.Timeline != 0 {
		all = slices.DeleteFunc(all, func(r route) bool { return r.timeline() != q.Target.Timeline })
		if len(all) == 0 {
			return route{}, goal{}, failure.New(failure.TargetUnreachable, "nothing is known of timeline %d", q.Target.Timeline).
				WithHint("leave the timeline out, or list what is there: starter backup list")
		}
	}
	if len(all) == 0 {
		return route{}, goal{}, failure.New(failure.TargetUnreachable, "neither a set nor WAL names a timeline").
			WithHint("list what the stores hold: starter backup list")
	}
	switch q.Target.Kind {
	case TargetLSN:
		return pickByLSN(q, all)
	case TargetTime:
		return pickByTime(q, all)
	case TargetName:
		return pickByName(q, all)
	case TargetLatest:
	}
	best := slices.MaxFunc(all, func(a, b route) int {
		return cmp.Or(compareBeats(a.newestBeat(), b.newestBeat()), cmp.Compare(a.timeline(), b.timeline()))
	})
	return best, goal{open: true}, nil
}

// compareBeats orders by time; no heartbeat comes before any.
func compareBeats(a, b *Heartbeat) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.At.Compare(b.At)
}
