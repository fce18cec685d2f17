package databasecorruption

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/postgres"
)

// TestNobodyLookedIsNotVerified: the observation of a skipped step is no proof.
func TestNobodyLookedIsNotVerified(t *testing.T) {
	t.Parallel()
	require.False(t, watched(postgres.Observation{}))
	require.True(t, watched(postgres.Observation{Verdicts: []postgres.CheckResult{{Status: postgres.CheckUnknown}}}))
}

// TestUncountedLossIsNotNoLoss: an empty list that nobody counted is shown as such.
func TestUncountedLossIsNotNoLoss(t *testing.T) {
	t.Parallel()
	require.Empty(t, lostOf(&postgres.Loss{Complete: true}))
	lost := lostOf(&postgres.Loss{Detail: "the log is gone"})
	require.Len(t, lost, 1)
	require.False(t, lost[0].Inserts.Known)
	require.Equal(t, "the log is gone", lost[0].Note)
}
