package databasecorruption_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/terragonlabs/holdfast/internal/approval"
)

// phaseLine is what the details say of one phase.
var phaseLine = regexp.MustCompile(`(?m)^- \*\*(.+)\*\*: budget \S+, (not entered|entered \S+, left \S+)$`)

// TestDetailsListEveryPhase: what a person sees in the Web UI when a run has ended
// names every phase, in order, also those that it did not come to.
func TestDetailsListEveryPhase(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		answer  func(*bench)
		entered int
		fails   bool
	}{
		"recovered": {func(*bench) {}, 5, false},
		"rejected":  {func(b *bench) { b.instead("gate:restore", approval.Reject, "") }, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := shipped(t)
			b := newBench(t, p)
			one.answer(b)
			require.Equal(t, one.fails, b.run() != nil)
			value, err := b.env.QueryWorkflow("__temporal_workflow_metadata")
			require.NoError(t, err)
			var metadata sdkpb.WorkflowMetadata
			require.NoError(t, value.Get(&metadata))
			lines := phaseLine.FindAllStringSubmatch(metadata.GetCurrentDetails(), -1)
			phases := p.Runbooks[scenarioOf(t, p)].Phases
			require.Len(t, lines, len(phases), "%s", metadata.GetCurrentDetails())
			for i, phase := range phases {
				require.Equal(t, phase.Title, lines[i][1])
				require.Equal(t, i < one.entered, lines[i][2] != "not entered", lines[i][0])
			}
		})
	}
}
