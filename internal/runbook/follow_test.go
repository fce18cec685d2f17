package runbook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

func TestFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	effects, closed := b.door.seen()
	require.Equal(t, []string{"look", "close", "move", "look", "sweep"}, effects, "the teardown runs on success too (L23)")
	require.True(t, closed, "committed: the undo was dropped")
	s := b.result().Summary
	require.Equal(t, runbook.Recovered, s.Outcome)
	require.Len(t, s.Phases, 3)
	require.Empty(t, s.Findings)
	require.Empty(t, s.Unstored)
	require.True(t, s.Instants.Verified.Known)
	require.Equal(t, "bob, cas", s.Instants.Approved[0].Source)
	require.NotEmpty(t, s.Waits)
	require.Empty(t, b.pending())
}

func TestNothingChangesBeforeTheDeclaration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.run(TooEarly)
	require.Equal(t, failure.Internal, failure.ClassOf(boundary.In(b.env.GetWorkflowError())))
	effects, _ := b.door.seen()
	require.Empty(t, effects)
}

func TestDrillFollowsThePolicy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.in.Mode = runbook.Drill
	b.answer = nil // nobody is there
	b.env.ExecuteWorkflow(MoveHouse, b.in)
	require.NoError(t, b.env.GetWorkflowError())
	effects, closed := b.door.seen()
	require.Equal(t, []string{"look", "close", "move", "look", "open", "sweep"}, effects)
	require.False(t, closed, "a drill keeps nothing (L23)")
	require.Equal(t, "policy of the plan", b.result().Summary.Instants.Approved[0].Source, "never a person")
}
