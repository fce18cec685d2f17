package databasecorruption_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

func nobody(runbook.OpenQuestion) []approval.Message { return nil }

// everyActivity calls do for each activity: the kit's own as they start, those of
// the world when their effect is there and their result is not.
func (b *bench) everyActivity(do func()) {
	b.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if strings.HasPrefix(info.ActivityType.Name, stored.Prefix) || strings.HasPrefix(info.ActivityType.Name, reporting.Prefix) {
			do()
		}
	})
	b.world.after = func(string) { do() }
}

// count returns how many activities a run has.
func count(t *testing.T) int {
	t.Helper()
	var n atomic.Int64
	b := newBench(t, shipped(t))
	b.everyActivity(func() { n.Add(1) })
	require.NoError(t, b.run())
	return int(n.Load())
}

// TestL21CanceledAtEveryActivity is L21: wherever the cancellation comes, all is as
// it was before, unless people had committed.
func TestL21CanceledAtEveryActivity(t *testing.T) {
	t.Parallel()
	total := count(t)
	require.Greater(t, total, 40)
	for i := 1; i <= total; i++ {
		t.Run(fmt.Sprintf("activity %d", i), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			var started atomic.Int64
			b.everyActivity(func() {
				if started.Add(1) == int64(i) {
					b.world.canceled.Store(true)
					b.env.CancelWorkflow()
				}
			})
			err := b.run()
			if b.committed() {
				require.Equal(t, restored.Incarnation, b.world.state.Serving)
				require.Equal(t, map[string]bool{damaged.Incarnation: true}, b.world.state.Fenced, "the one kept aside stays read-only")
				return
			}
			require.Error(t, err)
			b.requireUndone()
			require.Contains(t, b.report(), "INC-1")
		})
	}
}

func (b *bench) committed() bool {
	return slices.ContainsFunc(b.entries(), func(e evidence.Entry) bool { return e.Kind == evidence.UndoDropped })
}

// TestCanceledWhileWaiting cancels at every tick of the people's clock.
func TestCanceledWhileWaiting(t *testing.T) {
	t.Parallel()
	for tick := 1; tick <= 6; tick++ {
		t.Run(fmt.Sprintf("tick %d", tick), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, other(t))
			b.env.RegisterDelayedCallback(b.env.CancelWorkflow, time.Duration(tick)*7*time.Second)
			if err := b.run(); b.committed() {
				require.NoError(t, err)
				return
			}
			b.requireUndone()
		})
	}
}

// required are the steps the run cannot go on without.
func required() []string {
	return []string{
		"postgres.Inspect primary", "postgres.FenceWrites", "catalog.Propose", "postgres.PrepareWorkspace",
		"postgres.ProveChain", "postgres.RequestKeys", "keys.Release", "postgres.FetchBase", "postgres.VerifyFiles", "postgres.Replay",
		"postgres.CheckIntegrity", "postgres.RunChecks", "postgres.ProbeApplication", "postgres.Promote", "postgres.SwapIn",
		"postgres.ProveArchiving", "postgres.LiftFence",
	}
}

// TestRequiredStepFails: people are asked, a skip is refused, and an abort undoes.
func TestRequiredStepFails(t *testing.T) {
	t.Parallel()
	for _, name := range required() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			b.world.fail[name] = []error{failure.New(failure.CheckFailed, "it broke").WithHint("mend it")}
			verdicts := []approval.Verdict{approval.Skip, approval.Abort}
			agree := b.answer
			b.answer = func(q runbook.OpenQuestion) []approval.Message {
				if q.Accepts[0] != approval.Resolve || len(verdicts) == 0 {
					return agree(q)
				}
				m := b.message(b.people(approval.Resolve)[0], approval.Resolve, q)
				m.Verdict, verdicts = verdicts[0], verdicts[1:]
				return []approval.Message{m}
			}
			err := b.run()
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)), "%v", err)
			require.ErrorContains(t, err, "it broke")
			require.Empty(t, verdicts, "asked, and the skip was refused")
			b.requireUndone()
			require.Contains(t, b.report(), "it broke")
		})
	}
}

// TestRetryGoesOn: what is done is not done again (L30).
func TestRetryGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.world.fail["postgres.Replay"] = []error{failure.New(failure.CheckFailed, "it broke")}
	b.instead("failed:", approval.Resolve, approval.Retry)
	require.NoError(t, b.run())
	require.Equal(t, 2, times(b, "postgres.Replay"))
	require.Equal(t, 1, times(b, "postgres.FetchBase"))
}

func times(b *bench, effect string) (n int) {
	for _, seen := range b.world.seen() {
		if seen == effect {
			n++
		}
	}
	return n
}

func TestRejectedAtEachGate(t *testing.T) {
	t.Parallel()
	for _, gate := range []string{"restore", "cut-over"} {
		t.Run(gate, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			b.instead("gate:"+gate, approval.Reject, "")
			err := b.run()
			require.ErrorContains(t, err, "rejected by")
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)))
			b.requireUndone()
			require.NotContains(t, b.world.seen(), "postgres.Promote")
			require.Contains(t, b.report(), "**Outcome**: aborted")
		})
	}
}

// TestRolledBack: after the cut-over the damaged database serves again, and what
// had been restored is kept.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.instead("provisional", approval.Rollback, "")
	require.NoError(t, b.run(), "a rollback that worked is an outcome")
	require.Equal(t, runbook.RolledBack, b.result().Summary.Outcome)
	require.Equal(t, damaged.Incarnation, b.world.state.Serving)
	require.Equal(t, kept, b.world.state.Restored)
	b.requireUndone()
}

// TestDeadlineRollsBack is the second plan's choice: nobody says anything.
func TestDeadlineRollsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, other(t))
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "provisional" {
			return nil
		}
		return agree(q)
	}
	require.NoError(t, b.run())
	require.Equal(t, runbook.RolledBack, b.result().Summary.Outcome)
	b.requireUndone()
}
