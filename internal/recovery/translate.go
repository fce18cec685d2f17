package recovery

import (
	"cmp"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// crossing is a moment in time as positions on one route: the newest heartbeat
// before it and the first one after it, in log order.
type crossing struct {
	before *Heartbeat
	after  *Heartbeat
}

// crossingAt finds the moment in the route's heartbeats. In log order the first
// heartbeat later than at ends the search: PostgreSQL too stops at the first
// commit that is later, even if a clock went backwards after it.
func crossingAt(beats []Heartbeat, at time.Time) crossing {
	for i := range beats {
		if beats[i].At.After(at) {
			found := crossing{after: &beats[i]}
			if i > 0 {
				found.before = &beats[i-1]
			}
			return found
		}
	}
	if len(beats) == 0 {
		return crossing{}
	}
	return crossing{before: &beats[len(beats)-1]}
}

// certainBefore returns the last heartbeat before position end whose row is not
// newer than by: however slow its commit was, it precedes the target.
func certainBefore(beats []Heartbeat, end wal.LSN, by time.Time) *Heartbeat {
	for i := len(beats) - 1; i >= 0; i-- {
		if beats[i].LSN < end && !beats[i].At.After(by) {
			return &beats[i]
		}
	}
	return nil
}

// alive reports whether the route's database was serving on one timeline on both
// sides of the moment.
func (c crossing) alive() bool {
	return c.before != nil && c.after != nil && c.before.Timeline == c.after.Timeline
}

// pickByTime translates a time target; pickRoute documents the order.
//
// Recovery to a time ends at the first later commit and fails if there is none,
// so a later heartbeat must be in the WAL. Where the cluster kept no heartbeats,
// backup and archive times stand in, and the reach is marked as an estimate.
func pickByTime(q Question, all []route) (route, goal, error) {
	at := q.Target.Time
	var best *route
	var found crossing
	for i := range all {
		c := crossingAt(all[i].beats, at)
		if c.after != nil && (best == nil || better(c, found)) {
			best, found = &all[i], c
		}
	}
	if best != nil {
		g := goal{
			until: found.after.LSN, stopBy: found.after.LSN, stopTime: at,
			reach: Reach{LSN: found.after.LSN, Basis: BasisHeartbeat},
		}
		if found.before != nil {
			g.reach.Time = found.before.At
		}
		if certain := certainBefore(best.beats, found.after.LSN, at.Add(-commitSlack)); certain != nil {
			g.reach.Proof, g.reach.ProofAt = certain.LSN, certain.At
		}
		if best.extent < g.until {
			return route{}, goal{}, tooLate(q, []route{*best})
		}
		return *best, g, nil
	}
	if slices.ContainsFunc(all, func(r route) bool { return len(r.beats) > 0 }) {
		return route{}, goal{}, tooLate(q, all)
	}
	return estimateTime(q, all)
}

// better reports whether a crossing is preferred over one on a newer timeline.
func better(candidate, chosen crossing) bool {
	if chosen.alive() || candidate.alive() {
		return candidate.alive() && !chosen.alive()
	}
	return compareBeats(candidate.before, chosen.before) > 0
}

// estimateTime uses the first backup or archive time after the target.
func estimateTime(q Question, all []route) (route, goal, error) {
	for _, r := range all {
		for _, mark := range marksOn(q, r.path) {
			if mark.at.After(q.Target.Time) && mark.lsn <= r.extent {
				g := goal{
					until: mark.lsn, stopBy: mark.lsn, stopTime: q.Target.Time,
					reach: Reach{LSN: mark.lsn, Basis: BasisEstimate},
				}
				return r, g, nil
			}
		}
	}
	return route{}, goal{}, tooLate(q, all)
}

// mark says that the log up to lsn was written by the time at.
type mark struct {
	lsn wal.LSN
	at  time.Time
}

func marksOn(q Question, path wal.Path) []mark {
	var marks []mark
	for _, s := range q.Sets {
		if s.SystemID == q.SystemID && s.StopLSN <= wal.MaxLSN && path.Reached(s.Timeline, s.StopLSN) {
			marks = append(marks, mark{s.StopLSN, s.StoppedAt})
		}
	}
	for _, r := range q.WAL.Ranges {
		end := q.WAL.SegmentSize.Start(wal.Segment{Number: r.Last + 1})
		if path.Reached(r.Timeline, end) {
			marks = append(marks, mark{end, r.ArchivedAt})
		}
	}
	if tail := tailFor(q.WAL, path); tail != nil {
		marks = append(marks, mark{tail.ValidUpTo, tail.ObservedAt})
	}
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Or(cmp.Compare(a.lsn, b.lsn), a.at.Compare(b.at)) })
	return marks
}
