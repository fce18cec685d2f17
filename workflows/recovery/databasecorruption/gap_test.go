package databasecorruption_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// TestTargetThatMayBeLaterThanTheDamage: a run that a person asked for puts it to
// the commander and says so in its findings; one that nobody asked for ends, and
// everything is as before.
func TestTargetThatMayBeLaterThanTheDamage(t *testing.T) {
	t.Parallel()
	guess := catalog.Proposed{Choice: choice(), Sets: 1, Proposal: &recovery.Proposal{
		Candidate:  recovery.Candidate{Target: choice().Target, Confidence: recovery.ConfidenceLow, Why: "the log was not searched"},
		Unsearched: &recovery.Unsearched{Disrupted: noon},
	}}
	for name, automatic := range map[string]bool{"a person asked": false, "nobody asked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			b.in.Automatic = automatic
			b.world.answer["catalog.Propose"] = guess
			err := b.run()
			if !automatic {
				require.NoError(t, err)
				require.Contains(t, b.result().Summary.Findings, "the proposed target may be later than the damage: the log was not searched")
				return
			}
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)), "%v", err)
			require.ErrorContains(t, err, "an automatic run recovers to no target that may be later than the damage: the log was not searched")
			b.world.requireAsBefore(t)
			require.NotContains(t, b.world.seen(), "keys.Release")
		})
	}
}
