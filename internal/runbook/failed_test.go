package runbook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// resolving answers failed steps with verdicts, in turn, and all else as agreed.
func (b *bench) resolving(verdicts ...approval.Verdict) {
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Accepts[0] != approval.Resolve {
			return agree(q)
		}
		if len(verdicts) == 0 {
			return nil
		}
		m := b.message("bob", approval.Resolve, q)
		m.Verdict, verdicts = verdicts[0], verdicts[1:]
		return []approval.Message{m}
	}
}

// TestL30RetryRestartsAtTheFailedStep is L30: people decide, and what is done is
// not done again.
func TestL30RetryRestartsAtTheFailedStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.door.fail["move"] = []error{bad(), bad()}
	b.resolving(approval.Retry, approval.Retry)
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	effects, _ := b.door.seen()
	require.Equal(t, []string{"look", "close", "move", "tell", "move", "tell", "move", "look", "sweep"}, effects)
	require.Equal(t, 2, count(b, evidence.StepRetried))
}

func TestL30SkipIsRefusedForRequiredSteps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.door.fail["close"] = []error{bad()}
	b.resolving(approval.Skip, approval.Retry)
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	requireRefusal(t, b, failure.Refused, "required")
}

func TestSkippedStepIsAFinding(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.door.fail["move"] = []error{bad()}
	b.resolving(approval.Skip)
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	require.Contains(t, b.result().Summary.Findings[0], `step "Move the data" was skipped`)
}

func TestUndoThatFailsIsLeftInTheMirror(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.door.fail["move"], b.door.fail["open"] = []error{bad()}, []error{bad()}
	b.resolving(approval.Abort)
	b.run(MoveHouse)
	err := b.env.GetWorkflowError()
	require.ErrorContains(t, err, "the door is stuck")
	require.ErrorContains(t, err, `undo "Open the door"`)
	effects, _ := b.door.seen()
	require.Equal(t, "sweep", effects[len(effects)-1], "one failed undo does not stop the others")
	pending := b.pending()
	require.Len(t, pending, 1)
	require.Equal(t, "runbook_test.Open", pending[0].Activity)
	require.JSONEq(t, `{"Name":"house"}`, string(pending[0].Input))
}

// TestTransferOutlivesItsPhase: a phase that runs out does not kill a transfer;
// it is a breach, told and asked, and the run goes on when it is extended.
func TestTransferOutlivesItsPhase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.env.OnActivity("runbook_test.Move", anything, anything).After(3*time.Hour).Return(Seen{}, nil)
	agree, asked := b.answer, 0
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Accepts[0] != approval.Extend {
			return agree(q)
		}
		asked++
		m := b.message("ann", approval.Extend, q)
		m.ExtendSeconds = 3600
		return []approval.Message{m}
	}
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	s := b.result().Summary
	require.Equal(t, asked, s.Phases[1].Breaches)
	require.GreaterOrEqual(t, asked, 2, "after one hour, and after each extension")
	require.InDelta(t, time.Duration(asked)*time.Hour, s.Phases[1].Extended, float64(time.Minute))
	require.Equal(t, asked, count(b, evidence.Breach))
}

func TestAbortedBreachCancelsTheTransfer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.env.OnActivity("runbook_test.Move", anything, anything).After(3*time.Hour).Return(Seen{}, nil)
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Accepts[0] != approval.Extend {
			return agree(q)
		}
		m := b.message("ann", approval.Resolve, q)
		m.Verdict = approval.Abort
		return []approval.Message{m}
	}
	b.run(MoveHouse)
	require.ErrorContains(t, b.env.GetWorkflowError(), "ran out of time")
	requireSafe(t, b, b.env.GetWorkflowError())
}

// TestDeadlineOfACutOver: nobody answers, and the plan says rollback.
func TestDeadlineOfACutOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.tick = 5 * time.Minute
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "provisional" {
			return nil
		}
		return agree(q)
	}
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError(), "a rollback that worked is an outcome")
	require.Equal(t, runbook.RolledBack, b.result().Summary.Outcome)
	requireSafe(t, b, nil)
}

func TestPauseStopsTheNextStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	paused, agree, ticks := false, b.answer, 0
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "declaration" && !paused {
			paused = true
			return []approval.Message{b.complete("cas", b.bare(approval.Pause)), b.message("ann", approval.Declare, q)}
		}
		return agree(q)
	}
	b.every = func() {
		if b.status().State != runbook.StatePaused {
			return
		}
		effects, _ := b.door.seen()
		require.Equal(t, []string{"look"}, effects)
		if ticks++; ticks == 5 {
			b.send(b.complete("cas", b.bare(approval.Resume)))
		}
	}
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, 5, ticks)
}

// bare is a message that answers no question.
func (b *bench) bare(kind approval.Kind) approval.Message {
	s := b.status()
	return approval.Message{Kind: kind, WorkflowID: s.WorkflowID, FirstRunID: s.FirstRunID, Incident: s.Incident, PlanHash: s.PlanHash}
}

// TestL27ContinueAsNewCarriesEverything continues at every chance: the second run
// knows what the first did, and the chain of entries is one.
func TestL27ContinueAsNewCarriesEverything(t *testing.T) {
	t.Parallel()
	first := newBench(t)
	first.every = func() {
		if s := first.status(); len(s.Questions) > 0 && s.Questions[0].Key == "gate:move" {
			first.env.SetContinueAsNewSuggested(true)
			first.answer = func(q runbook.OpenQuestion) []approval.Message {
				return []approval.Message{first.message("bob", approval.Approve, q)}
			}
		}
	}
	first.run(MoveHouse)
	carried := carriedOf(t, first)
	require.Equal(t, 1, carried.Continued)
	require.Len(t, carried.Undos, 2)

	second := newBench(t)
	second.stores, second.seq = first.stores, first.seq
	second.in.Carried = carried
	second.env.SetContinuedExecutionRunID("the first run")
	second.run(MoveHouse)
	require.NoError(t, second.env.GetWorkflowError())
	effects, _ := second.door.seen()
	require.Equal(t, []string{"move", "look", "sweep"}, effects, "what was done is not done again")
	s := second.result().Summary
	require.Equal(t, runbook.Recovered, s.Outcome)
	require.Equal(t, "bob, cas", s.Instants.Approved[0].Source)
	require.Len(t, s.Phases, 3)
	require.Greater(t, s.Head.Count, carried.Head.Count)
}

// TestCarriedFromTheStarterIsRefused: a starter who forges what an earlier run
// would hand on could pass every gate unsigned, and have any activity run as undo.
func TestCarriedFromTheStarterIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.in.Carried = &runbook.Carried{Continued: 1, Undos: []stored.UndoRecord{{Number: 1, Title: "forged", Activity: "runbook_test.Move"}}}
	b.run(MoveHouse)
	require.ErrorContains(t, b.env.GetWorkflowError(), "carried")
	effects, _ := b.door.seen()
	require.Empty(t, effects)
}

// TestOnlyContinueAsNewCarries: a retry and a cron run have a run before them too,
// but their input is the starter's own.
func TestOnlyContinueAsNewCarries(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		info workflow.Info
		want bool
	}{
		"first run":       {workflow.Info{Attempt: 1}, false},
		"continue as new": {workflow.Info{Attempt: 1, ContinuedExecutionRunID: "before"}, true},
		"retry":           {workflow.Info{Attempt: 2, ContinuedExecutionRunID: "before"}, false},
		"cron run":        {workflow.Info{Attempt: 1, ContinuedExecutionRunID: "before", CronSchedule: "@daily"}, false},
	} {
		require.Equal(t, tt.want, runbook.IsContinued(&tt.info), name)
	}
}

// TestL27NoStoreForTheTimeline: while no store takes the timeline the run neither
// stops nor continues as new; the pages are in the result.
func TestL27NoStoreForTheTimeline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.env.OnActivity("evidence.PutPage", anything, anything).Return(nil, boundary.Out(failure.New(failure.Forbidden, "no")))
	b.env.SetContinueAsNewSuggested(true)
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	s := b.result().Summary
	require.NotEmpty(t, s.Unstored)
	require.NoError(t, evidence.VerifyPages(s.Unstored, s.Head))
}
