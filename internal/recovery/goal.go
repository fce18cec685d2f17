package recovery

import (
	"cmp"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// goal is a target as positions on one route.
type goal struct {
	open      bool      // latest: as far as the WAL goes
	until     wal.LSN   // the WAL must be readable up to here (exclusive) for recovery to stop by itself
	stopBy    wal.LSN   // a set must be consistent at or before this position; 0: no bound
	stopTime  time.Time // and at or before this time; zero: no bound
	notBefore wal.LSN   // a set must begin at or after this position
	reach     Reach
}

// allows reports whether recovery from the set can stop at the goal.
// PostgreSQL refuses a target that lies before the consistency point.
func (g goal) allows(s SetSummary) bool {
	switch {
	case s.StartLSN < g.notBefore:
		return false
	case g.stopBy != 0 && s.StopLSN > g.stopBy:
		return false
	case g.stopTime.IsZero():
		return true
	}
	return !s.StoppedAt.IsZero() && !s.StoppedAt.After(g.stopTime)
}

// pickByLSN: PostgreSQL stops at the first record that begins at or after the
// target, so a record beyond it must be readable.
func pickByLSN(q Question, all []route) (route, goal, error) {
	lsn := q.Target.LSN
	for _, r := range all {
		if r.extent > lsn {
			g := goal{until: lsn + 1, stopBy: lsn, reach: Reach{LSN: lsn, Basis: BasisExact}}
			if beat := lastBeat(r.beats, lsn); beat != nil {
				g.reach.Time, g.reach.Proof, g.reach.ProofAt = beat.At, beat.LSN, beat.At
			}
			return r, g, nil
		}
	}
	return route{}, goal{}, tooLate(q, all)
}

// pickByName: the newest restore point so named; sets that begin before an older
// one of the same name would stop there, so they are ruled out.
func pickByName(q Question, all []route) (route, goal, error) {
	for _, point := range namedPoints(q) {
		for _, r := range all {
			if !r.path.Reached(point.Timeline, point.LSN) {
				continue
			}
			g := goal{until: point.LSN, stopBy: point.LSN, reach: Reach{LSN: point.LSN, Time: point.At, Proof: point.LSN, ProofAt: point.At, Basis: BasisExact}}
			for _, older := range namedPoints(q) {
				if older.LSN < point.LSN && r.path.Reached(older.Timeline, older.LSN) {
					g.notBefore = max(g.notBefore, older.LSN)
				}
			}
			return r, g, nil
		}
	}
	return route{}, goal{}, unknownName(q)
}

// namedPoints returns the restore points with the target's name, newest first.
func namedPoints(q Question) []RestorePoint {
	var points []RestorePoint
	for _, p := range q.RestorePoints {
		if p.Name == q.Target.Name && p.LSN > 0 && p.LSN <= wal.MaxLSN {
			points = append(points, p)
		}
	}
	slices.SortFunc(points, func(a, b RestorePoint) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Timeline, a.Timeline), cmp.Compare(b.LSN, a.LSN))
	})
	return points
}

// lastBeat returns the newest heartbeat whose commit ends at or before lsn.
func lastBeat(beats []Heartbeat, lsn wal.LSN) *Heartbeat {
	for i := len(beats) - 1; i >= 0; i-- {
		if beats[i].LSN <= lsn {
			return &beats[i]
		}
	}
	return nil
}

func unknownName(q Question) error {
	names := make([]string, 0, len(q.RestorePoints))
	for _, p := range q.RestorePoints {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return failure.New(failure.TargetUnreachable, "restore point %q is not known; no restore point is", q.Target.Name).
			WithHint("recover to a time or a position instead: --target-time, --target-lsn")
	}
	return failure.New(failure.TargetUnreachable, "restore point %q is not known, or not on the timeline asked for", q.Target.Name).
		WithHint("known restore points: %s", listed(names, 20))
}
