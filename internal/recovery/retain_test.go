package recovery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

const day = 24 * time.Hour

var policy = recovery.RetentionPolicy{KeepFor: 7 * day, KeepVerified: 1}

func aged(id string, days int, verified recovery.Verification, references ...string) recovery.SetSummary {
	s := set(id, 1, 1, 2)
	s.StoppedAt = epoch.Add(-time.Duration(days) * day)
	s.Verified, s.References = verified, references
	return s
}

func deleted(t *testing.T, sets []recovery.SetSummary, p recovery.RetentionPolicy) (string, recovery.RetentionPlan) {
	t.Helper()
	plan, err := recovery.Retain(sets, p, epoch)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range plan.Decisions {
		if d.Reason == "" {
			t.Errorf("set %s has no reason", d.ID)
		}
		if d.Delete {
			ids = append(ids, d.ID)
		}
	}
	return strings.Join(ids, " "), plan
}

func TestRetain(t *testing.T) {
	t.Parallel()
	upgraded := aged("upgraded", 1, recovery.VerifiedRead)
	upgraded.SystemID, upgraded.StartLSN = 1, 1
	damaged := aged("damaged", 1, recovery.VerifiedRestored)
	damaged.Damaged = true
	locked := aged("locked", 20, recovery.VerifiedRead)
	locked.LockedUntil = epoch.Add(day)
	crowd := []recovery.SetSummary{aged("real", 20, recovery.VerifiedRead), aged("new", 1, recovery.VerifiedRead)}
	for i := range 5 {
		crowd = append(crowd, aged(fmt.Sprintf("fake%d", i), 0, recovery.VerifiedNone))
	}
	cases := map[string]struct {
		sets   []recovery.SetSummary
		policy recovery.RetentionPolicy
		want   string
		alarm  string
	}{
		"by age":                                {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", 1, "read")}, policy, "a", ""},
		"the last verified stays":               {[]recovery.SetSummary{aged("a", 30, "restored"), aged("b", 20, "none"), aged("c", 1, "none")}, policy, "b", ""},
		"without any verified set nothing goes": {[]recovery.SetSummary{aged("a", 30, "none"), aged("b", 1, "none")}, policy, "", ""},
		"L6 after an upgrade the old ones go":   {[]recovery.SetSummary{aged("old", 20, "read"), upgraded}, policy, "old", ""},
		"what a live incremental uses stays": {
			[]recovery.SetSummary{aged("full", 40, "read"), aged("mid", 20, "none", "full"), aged("inc", 1, "read", "mid"), aged("loose", 30, "read")},
			policy, "loose", "",
		},
		"locked stays":                      {[]recovery.SetSummary{locked, aged("b", 1, "read")}, policy, "", ""},
		"a damaged source freezes":          {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", 2, "read"), damaged}, policy, "", "damaged source"},
		"and never counts once looked into": {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", 30, "read"), damaged}, recovery.RetentionPolicy{KeepFor: 7 * day, KeepVerified: 1, AcknowledgedDamage: []string{"damaged"}}, "b", ""},
		"L17 a flood of sets freezes":       {crowd, recovery.RetentionPolicy{KeepFor: 7 * day, KeepVerified: 1, MaxSetsPerDay: 4}, "", "more than 4 sets"},
		"L17 unverified ones never count":   {crowd, policy, "real", ""},
		"too many deletions freeze":         {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", 21, "read"), aged("c", 1, "read")}, recovery.RetentionPolicy{KeepFor: 7 * day, KeepVerified: 1, MaxDeletions: 1}, "", "deleted at once"},
		"a set from the future freezes":     {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", -2, "read")}, policy, "", "future"},
		"a reference to nothing freezes":    {[]recovery.SetSummary{aged("a", 20, "read"), aged("b", 1, "read", "gone")}, policy, "", "not in the catalog"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, plan := deleted(t, c.sets, c.policy)
			if got != c.want || plan.Frozen != (c.alarm != "") || !strings.Contains(strings.Join(plan.Alarms, "\n"), c.alarm) {
				t.Errorf("deletes %q, alarms %q", got, plan.Alarms)
			}
		})
	}
	_, err := recovery.Retain(nil, recovery.RetentionPolicy{KeepFor: day}, epoch)
	expect(t, err, failure.InvalidInput, "keep_verified")
}
