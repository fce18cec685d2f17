package recovery_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestL6L17RetainAgreesWithItsRule: what goes is exactly what a reading of the rule
// word by word lets go, in whatever order the catalog lists the sets.
func TestL6L17RetainAgreesWithItsRule(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		t.Run(fmt.Sprint(round), rapid.MakeCheck(retainsByRule))
	}
}

func retainsByRule(t *rapid.T) {
	sets, policy := drawCatalog(t), drawPolicy(t)
	plan, err := recovery.Retain(sets, policy, epoch)
	if err != nil {
		t.Fatal(err)
	}
	keep := keptByRule(sets, policy)
	going := len(sets) - len(keep)
	frozen := odd(sets, policy) || policy.MaxDeletions > 0 && going > policy.MaxDeletions
	if plan.Frozen != frozen || (len(plan.Alarms) > 0) != frozen {
		t.Fatalf("frozen %v, want %v; alarms %q", plan.Frozen, frozen, plan.Alarms)
	}
	if len(plan.Decisions) != len(sets) {
		t.Fatalf("%d decisions about %d sets", len(plan.Decisions), len(sets))
	}
	for _, d := range plan.Decisions {
		if want := !frozen && !keep[d.ID]; d.Delete != want || d.Reason == "" {
			t.Fatalf("set %s: delete %v (%s), want %v", d.ID, d.Delete, d.Reason, want)
		}
	}
	shuffled := rapid.Permutation(sets).Draw(t, "another order")
	again, err := recovery.Retain(shuffled, policy, epoch)
	if err != nil || !slices.Equal(plan.Decisions, again.Decisions) || !slices.Equal(plan.WALFloors, again.WALFloors) {
		t.Fatalf("another order gives another plan: %v %+v", err, again)
	}
}

func drawCatalog(t *rapid.T) []recovery.SetSummary {
	var sets []recovery.SetSummary
	for i := range rapid.IntRange(0, 10).Draw(t, "sets") {
		s := set(fmt.Sprint(i), wal.Timeline(rapid.IntRange(1, 3).Draw(t, "timeline")), 1, 2)
		s.SystemID += wal.SystemID(rapid.IntRange(0, 1).Draw(t, "upgraded"))
		s.StoppedAt = epoch.Add(-time.Duration(rapid.IntRange(0, 40).Draw(t, "age in quarter days")) * day / 4)
		s.Verified = rapid.SampledFrom([]recovery.Verification{"none", "read", "restored", "nonsense"}).Draw(t, "verified")
		for range rapid.IntRange(0, 2).Draw(t, "references") {
			s.References = append(s.References, fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "reference")%max(1, i)))
		}
		switch rapid.IntRange(0, 19).Draw(t, "oddity") {
		case 19:
			s.Damaged = true
		case 18:
			s.StoppedAt = epoch.Add(time.Hour)
		case 17:
			s.References = append(s.References, "gone")
		case 16:
			s.StoppedAt = time.Time{}
		case 15:
			s.Stores = nil
		case 13, 14:
			s.LockedUntil = epoch.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "locked")) * time.Hour)
		}
		sets = append(sets, s)
	}
	return sets
}

func drawPolicy(t *rapid.T) recovery.RetentionPolicy {
	return recovery.RetentionPolicy{
		KeepFor:            time.Duration(rapid.IntRange(1, 30).Draw(t, "keep for")) * day / 4,
		KeepVerified:       rapid.IntRange(1, 3).Draw(t, "keep verified"),
		MaxSetsPerDay:      rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(t, "sets per day"),
		MaxDeletions:       rapid.SampledFrom([]int{0, 0, 1, 4}).Draw(t, "deletions"),
		AcknowledgedDamage: rapid.SampledFrom([][]string{nil, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}}).Draw(t, "acknowledged"),
	}
}

// keptByRule reads the rule of Retain set by set, until nothing more is kept.
func keptByRule(sets []recovery.SetSummary, policy recovery.RetentionPolicy) map[string]bool {
	var proved []recovery.SetSummary
	for _, s := range sets {
		if (s.Verified == "read" || s.Verified == "restored") && !s.Damaged && len(s.Stores) > 0 {
			proved = append(proved, s)
		}
	}
	slices.SortFunc(proved, func(a, b recovery.SetSummary) int {
		return cmp.Or(b.StoppedAt.Compare(a.StoppedAt), cmp.Compare(b.ID, a.ID))
	})
	keep := map[string]bool{}
	for _, s := range sets {
		old := !s.StoppedAt.IsZero() && epoch.Sub(s.StoppedAt) > policy.KeepFor
		if len(proved) == 0 || !old || s.LockedUntil.After(epoch) {
			keep[s.ID] = true
		}
	}
	for _, s := range proved[:min(len(proved), policy.KeepVerified)] {
		keep[s.ID] = true
	}
	for before := -1; before != len(keep); {
		before = len(keep)
		for _, s := range sets {
			for _, id := range s.References {
				exists := slices.ContainsFunc(sets, func(other recovery.SetSummary) bool { return other.ID == id })
				if keep[s.ID] && exists {
					keep[id] = true
				}
			}
		}
	}
	return keep
}

// odd reports whether the catalog is nothing to delete by.
func odd(sets []recovery.SetSummary, policy recovery.RetentionPolicy) bool {
	for _, s := range sets {
		dangling := slices.ContainsFunc(s.References, func(id string) bool {
			return !slices.ContainsFunc(sets, func(other recovery.SetSummary) bool { return other.ID == id })
		})
		sameDay := 0
		for _, other := range sets {
			if before := s.StoppedAt.Sub(other.StoppedAt); before >= 0 && before < day {
				sameDay++
			}
		}
		crowded := policy.MaxSetsPerDay > 0 && sameDay > policy.MaxSetsPerDay && !s.StoppedAt.IsZero()
		if dangling || crowded || s.StoppedAt.After(epoch) || s.Damaged && !slices.Contains(policy.AcknowledgedDamage, s.ID) {
			return true
		}
	}
	return false
}

// TestWALAboveTheFloorsIsEnough: whatever the kept sets led to with all of the WAL,
// they lead to with what lies above the floors, on every timeline that came after.
func TestWALAboveTheFloorsIsEnough(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		t.Run(fmt.Sprint(round), rapid.MakeCheck(floorsSuffice))
	}
}

func floorsSuffice(t *rapid.T) {
	w := drawWorld(t)
	q := w.question
	plan, err := recovery.Retain(q.Sets, recovery.RetentionPolicy{KeepFor: time.Duration(rapid.IntRange(1, 30).Draw(t, "keep minutes")) * time.Minute, KeepVerified: 1}, epoch.Add(30*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	q.Sets = slices.DeleteFunc(slices.Clone(q.Sets), func(s recovery.SetSummary) bool {
		return slices.ContainsFunc(plan.Decisions, func(d recovery.SetDecision) bool { return d.ID == s.ID && d.Delete })
	})
	before, err := recovery.Choose(q)
	if err != nil {
		return // nothing to lose
	}
	q.WAL.Ranges = above(q.WAL.Ranges, plan.WALFloors)
	after, err := recovery.Choose(q)
	if err != nil {
		t.Fatalf("set %s led to %s before WAL below %+v went: %v", before.Set.ID, q.Target, plan.WALFloors, err)
	}
	if after.Set.ID != before.Set.ID || after.TargetTimeline != before.TargetTimeline || after.ExpectedReach != before.ExpectedReach {
		t.Fatalf("without WAL below %+v: %+v, before: %+v", plan.WALFloors, after, before)
	}
}

// above drops every segment that ends at or before its timeline's floor: that of the
// highest timeline listed which is not higher than its own.
func above(ranges []recovery.SegmentRange, floors []recovery.WALFloor) []recovery.SegmentRange {
	var kept []recovery.SegmentRange
	for _, r := range ranges {
		var floor wal.LSN
		for _, f := range floors { // ascending
			if f.SystemID == system && f.Timeline <= r.Timeline {
				floor = f.LSN
			}
		}
		r.First = max(r.First, segment.SegmentAt(0, floor).Number)
		if r.First <= r.Last {
			kept = append(kept, r)
		}
	}
	return kept
}
