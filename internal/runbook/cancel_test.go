package runbook_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// activitiesOfARun is how many activities the toy runbook starts when all goes
// well, the kit's own included. TestActivityCount holds it.
const activitiesOfARun = 20

// TestL21CanceledAtEveryActivity is L21: wherever the cancellation comes, the door
// is open again afterwards, and the mirror has nothing left to undo.
func TestL21CanceledAtEveryActivity(t *testing.T) {
	t.Parallel()
	for i := 1; i <= activitiesOfARun; i++ {
		t.Run(fmt.Sprintf("activity %d", i), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			started := 0
			b.env.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) {
				if started++; started == i {
					b.env.CancelWorkflow()
				}
			})
			b.run(MoveHouse)
			requireSafe(t, b, b.env.GetWorkflowError())
		})
	}
}

// TestCanceledWhileWaiting cancels at every tick of the people's clock.
func TestCanceledWhileWaiting(t *testing.T) {
	t.Parallel()
	for tick := 1; tick <= 6; tick++ {
		t.Run(fmt.Sprintf("tick %d", tick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.env.RegisterDelayedCallback(b.env.CancelWorkflow, time.Duration(tick)*5*time.Second)
			b.run(MoveHouse)
			requireSafe(t, b, b.env.GetWorkflowError())
		})
	}
}

// TestActivityCount keeps the loop above whole.
func TestActivityCount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	started := 0
	b.env.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { started++ })
	b.run(MoveHouse)
	require.Equal(t, activitiesOfARun, started)
}

// TestL21EveryStepTimesOut is L21 with the other cause: each step in turn times
// out, and the commander aborts.
func TestL21EveryStepTimesOut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"runbook_test.Look", "runbook_test.Close", "runbook_test.Move", "evidence.RecordUndo", "evidence.AcquireLease"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.env.OnActivity(name, anything, anything).Return(nil, temporal.NewHeartbeatTimeoutError())
			agree := b.answer
			b.answer = func(q runbook.OpenQuestion) []approval.Message {
				if q.Accepts[0] == approval.Resolve {
					m := b.message("ann", approval.Resolve, q)
					m.Verdict = approval.Abort
					return []approval.Message{m}
				}
				return agree(q)
			}
			b.run(MoveHouse)
			requireSafe(t, b, b.env.GetWorkflowError())
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(b.env.GetWorkflowError())))
		})
	}
}

// requireSafe: unless people committed, the door is open again, and nothing is
// left to undo.
func requireSafe(t *testing.T, b *bench, err error) {
	t.Helper()
	effects, closed := b.door.seen()
	committed := slices.ContainsFunc(b.entries().Entries, func(e evidence.Entry) bool { return e.Kind == evidence.UndoDropped })
	require.Equal(t, committed, closed, "effects %v, error %v", effects, err)
	require.Empty(t, b.pending())
	require.Equal(t, runbook.StateEnded, b.status().State)
}
