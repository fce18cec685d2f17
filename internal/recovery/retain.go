package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Retain plans which sets may be deleted at now. It deletes nothing itself, and
// planning twice from the same catalog gives the same plan.
//
//   - Age decides, by StoppedAt, never by name, system or timeline: after
//     pg_upgrade the new cluster's positions start over (L6).
//   - The newest KeepVerified verified sets are kept whatever their age. Damaged
//     and unverified sets never count towards them (L17), and without any verified
//     set nothing is deleted.
//   - What a kept set refers to is kept, through any number of steps.
//   - A damaged set nobody has acknowledged, more sets in a day than the policy
//     expects, a set from the future, a reference to nothing, or more deletions at
//     once than allowed freeze the plan: alarms instead of deletions.
func Retain(sets []SetSummary, policy RetentionPolicy, now time.Time) (RetentionPlan, error) {
	if policy.KeepFor <= 0 || policy.KeepVerified < 1 {
		return RetentionPlan{}, failure.Invalid("retention", "keep_for and keep_verified must be positive, got %s and %d", policy.KeepFor, policy.KeepVerified)
	}
	ordered := slices.Clone(sets)
	slices.SortFunc(ordered, func(a, b SetSummary) int {
		return cmp.Or(b.StoppedAt.Compare(a.StoppedAt), cmp.Compare(b.ID, a.ID))
	})
	keep := keepByRule(ordered, policy, now)
	keepReferenced(ordered, keep)
	plan := RetentionPlan{Alarms: alarms(ordered, policy, now)}
	deletions := 0
	for _, s := range ordered {
		reason, kept := keep[s.ID]
		if !kept {
			deletions++
			reason = fmt.Sprintf("older than %s, and no kept set needs it", policy.KeepFor)
		}
		plan.Decisions = append(plan.Decisions, SetDecision{ID: s.ID, Delete: !kept, Reason: reason})
	}
	if policy.MaxDeletions > 0 && deletions > policy.MaxDeletions {
		plan.Alarms = append(plan.Alarms, fmt.Sprintf("%d sets would be deleted at once; the policy allows %d", deletions, policy.MaxDeletions))
	}
	plan.freeze()
	plan.WALFloors = floors(ordered, plan.Decisions)
	return plan, nil
}

// keepByRule returns the reason for each set that is kept for its own sake.
func keepByRule(newestFirst []SetSummary, policy RetentionPolicy, now time.Time) map[string]string {
	keep := map[string]string{}
	verified := 0
	for _, s := range newestFirst {
		counts := s.Verified.Proved() && !s.Damaged && len(s.Stores) > 0
		if counts {
			verified++
		}
		switch {
		case counts && verified <= policy.KeepVerified:
			keep[s.ID] = fmt.Sprintf("verified set %d of the newest %d", verified, policy.KeepVerified)
		case s.StoppedAt.IsZero():
			keep[s.ID] = "its age is unknown"
		case !s.StoppedAt.Before(now.Add(-policy.KeepFor)):
			keep[s.ID] = fmt.Sprintf("younger than %s", policy.KeepFor)
		case s.LockedUntil.After(now):
			keep[s.ID] = "locked until " + timeText(s.LockedUntil)
		}
	}
	for _, s := range newestFirst {
		if _, kept := keep[s.ID]; !kept && verified == 0 {
			keep[s.ID] = "no set is verified, so none may go"
		}
	}
	return keep
}

// keepReferenced keeps everything that kept sets refer to, transitively.
func keepReferenced(sets []SetSummary, keep map[string]string) {
	byID := make(map[string]SetSummary, len(sets))
	var queue []SetSummary
	for _, s := range sets {
		byID[s.ID] = s
		if _, kept := keep[s.ID]; kept {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, id := range s.References {
			target, exists := byID[id]
			if _, kept := keep[id]; exists && !kept {
				keep[id] = "set " + s.ID + " uses its parts"
				queue = append(queue, target)
			}
		}
	}
}

// alarms lists everything that makes the catalog untrustworthy as a base for
// deleting, in the order of the sets.
func alarms(newestFirst []SetSummary, policy RetentionPolicy, now time.Time) []string {
	var found []string
	known := map[string]bool{}
	for _, s := range newestFirst {
		if known[s.ID] {
			found = append(found, fmt.Sprintf("set %s is listed twice", s.ID))
		}
		known[s.ID] = true
	}
	for _, s := range newestFirst {
		if s.Damaged && !slices.Contains(policy.AcknowledgedDamage, s.ID) {
			found = append(found, fmt.Sprintf("set %s was taken from a damaged source and nobody has acknowledged it", s.ID))
		}
		if s.StoppedAt.After(now) {
			found = append(found, fmt.Sprintf("set %s claims to have finished in the future (%s)", s.ID, timeText(s.StoppedAt)))
		}
		for _, id := range s.References {
			if !known[id] {
				found = append(found, fmt.Sprintf("set %s refers to set %s, which is not in the catalog", s.ID, id))
			}
		}
	}
	return append(found, crowdedDays(newestFirst, policy.MaxSetsPerDay)...)
}

// crowdedDays finds more sets within 24 hours than a schedule would make: how
// somebody with write access would age the real ones out. One alarm per day.
func crowdedDays(newestFirst []SetSummary, limit int) []string {
	var found []string
	var alarmed time.Time
	for i, s := range newestFirst {
		if limit <= 0 || i+limit >= len(newestFirst) {
			return found
		}
		day := s.StoppedAt.Truncate(24 * time.Hour)
		if s.StoppedAt.Sub(newestFirst[i+limit].StoppedAt) < 24*time.Hour && day != alarmed {
			alarmed = day
			found = append(found, fmt.Sprintf("more than %d sets in the 24 hours before %s", limit, timeText(s.StoppedAt)))
		}
	}
	return found
}

// freeze turns every deletion into a keep when there is any alarm.
func (p *RetentionPlan) freeze() {
	p.Frozen = len(p.Alarms) > 0
	for i := range p.Decisions {
		if p.Frozen && p.Decisions[i].Delete {
			p.Decisions[i].Delete = false
			p.Decisions[i].Reason = "would go (" + p.Decisions[i].Reason + "), but retention is frozen"
		}
	}
}

// floors returns, per system and timeline, the oldest position kept sets need: those
// of the timeline, and those of the ones before it, from which replay goes on into it.
func floors(sets []SetSummary, decisions []SetDecision) []WALFloor {
	var found []WALFloor
	for i, s := range sets {
		if decisions[i].Delete {
			continue
		}
		at := slices.IndexFunc(found, func(f WALFloor) bool { return f.SystemID == s.SystemID && f.Timeline == s.Timeline })
		if at < 0 {
			found = append(found, WALFloor{SystemID: s.SystemID, Timeline: s.Timeline, LSN: s.StartLSN})
			continue
		}
		found[at].LSN = min(found[at].LSN, s.StartLSN)
	}
	slices.SortFunc(found, func(a, b WALFloor) int {
		return cmp.Or(cmp.Compare(a.SystemID, b.SystemID), cmp.Compare(a.Timeline, b.Timeline))
	})
	for i := 1; i < len(found); i++ {
		if found[i].SystemID == found[i-1].SystemID {
			found[i].LSN = min(found[i].LSN, found[i-1].LSN)
		}
	}
	return found
}
