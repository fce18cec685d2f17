package recovery

import (
	"cmp"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Choose returns the set and the proved WAL chain that lead to the target.
//
// The way is chosen first, then the set: the timeline that leads to the target
// (see pickRoute), on it the newest set that is consistent before the target and
// has all of its WAL. Newest wins even over a verified older one, since going back
// adds replay and risk, never reach. Verified only breaks ties; damaged sets, sets
// of another cluster and sets that no store holds are never used.
//
// Errors: InvalidInput, IdentityMismatch (sets or WAL are another cluster's),
// WALGap (names the first missing segment), TargetUnreachable (names the bounds).
func Choose(q Question) (Choice, error) {
	if err := q.validate(); err != nil {
		return Choice{}, err
	}
	if err := q.checkIdentity(); err != nil {
		return Choice{}, err
	}
	route, goal, err := pickRoute(q)
	if err != nil {
		return Choice{}, err
	}
	set, proved, err := pickSet(q, route, goal)
	if err != nil {
		return Choice{}, err
	}
	return describe(q, route, goal, set, proved), nil
}

func (q Question) validate() error {
	if err := q.Target.Validate(); err != nil {
		return err
	}
	switch {
	case q.SystemID == 0:
		return failure.Invalid("system_id", "is missing: the cluster to recover must be named")
	case !q.WAL.SegmentSize.Valid():
		return failure.Invalid("wal.segment_size_bytes", "%d is not a power of two between 1 MiB and 1 GiB", uint64(q.WAL.SegmentSize))
	case q.Target.Kind == TargetTime && !q.Now.IsZero() && q.Target.Time.After(q.Now):
		return failure.Invalid("target.time", "%s is in the future", timeText(q.Target.Time))
	}
	for _, r := range q.WAL.Ranges {
		if r.Last < r.First || r.Timeline == 0 || r.Last > wal.MaxSegmentNumber(q.WAL.SegmentSize) {
			return failure.Invalid("wal.ranges", "timeline %d, segments %d to %d is not a range", r.Timeline, r.First, r.Last)
		}
	}
	for _, h := range q.WAL.Histories {
		for i := range h.Ancestors {
			if err := (wal.History{Timeline: h.Timeline, Ancestors: h.Ancestors[:i+1]}).Validate(); err != nil {
				return failure.Wrap(failure.InvalidInput, err, "wal.histories: timeline %d", h.Timeline)
			}
		}
	}
	return nil
}

// checkIdentity refuses an inventory of another cluster, and a catalog that only
// knows other clusters. Some foreign sets are normal after pg_upgrade.
func (q Question) checkIdentity() error {
	if q.WAL.SystemID != q.SystemID {
		return failure.New(failure.IdentityMismatch, "the WAL belongs to system %s, asked for %s", q.WAL.SystemID, q.SystemID).
			WithHint("compare with pg_controldata of the damaged cluster and with: starter backup list")
	}
	for _, set := range q.Sets {
		if set.SystemID == q.SystemID {
			return nil
		}
	}
	if len(q.Sets) > 0 {
		return failure.New(failure.IdentityMismatch, "all %d sets belong to other systems (the newest to %s), asked for %s",
			len(q.Sets), q.Sets[newest(q.Sets)].SystemID, q.SystemID).
			WithHint("compare with pg_controldata of the damaged cluster and with: starter backup list")
	}
	return failure.New(failure.TargetUnreachable, "there is no backup set").
		WithHint("list what the stores hold: starter backup list")
}

func newest(sets []SetSummary) int {
	best := 0
	for i := range sets {
		if sets[i].StoppedAt.After(sets[best].StoppedAt) {
			best = i
		}
	}
	return best
}

// pickSet returns the first set, in order of preference, whose WAL chain to the
// goal is whole. A less preferred set helps only where backups overlapped, and
// the preferred one began before a gap that the other began after; both end at
// the same goal. When none is whole the preferred set's gap is the error.
func pickSet(q Question, r route, g goal) (SetSummary, chain, error) {
	sets := usable(q, r)
	reachable := slices.DeleteFunc(slices.Clone(sets), func(s SetSummary) bool { return !g.allows(s) })
	if len(reachable) == 0 {
		return SetSummary{}, chain{}, tooEarly(q, r, sets)
	}
	slices.SortFunc(reachable, func(a, b SetSummary) int { return preference(b, a) })
	var refused error
	for _, s := range reachable {
		proved, err := prove(q.WAL, r.path, s, g)
		if err == nil {
			return s, proved, nil
		}
		refused = cmp.Or(refused, err)
	}
	return SetSummary{}, chain{}, refused
}

// usable returns the sets that can start recovery on the route at all.
func usable(q Question, r route) []SetSummary {
	var sets []SetSummary
	for _, s := range q.Sets {
		sound := s.SystemID == q.SystemID && !s.Damaged && len(s.Stores) > 0
		ordered := s.StartLSN > 0 && s.StartLSN <= s.StopLSN && s.StopLSN <= wal.MaxLSN
		onPath := r.path.TimelineAt(s.StartLSN) == s.Timeline && r.path.Reached(s.Timeline, s.StopLSN)
		if sound && ordered && onPath {
			sets = append(sets, s)
		}
	}
	return sets
}

// preference orders sets: newest consistency point, then better verified, then
// less replay, then by ID so that the answer never depends on the input's order.
func preference(a, b SetSummary) int {
	return cmp.Or(
		cmp.Compare(a.StopLSN, b.StopLSN),
		cmp.Compare(a.Verified.rank(), b.Verified.rank()),
		cmp.Compare(a.StartLSN, b.StartLSN),
		cmp.Compare(a.ID, b.ID),
	)
}

func (v Verification) rank() int {
	switch v {
	case VerifiedRestored:
		return 2
	case VerifiedRead:
		return 1
	case VerifiedNone:
	}
	return 0
}
