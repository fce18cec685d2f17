package runbook

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// Close ends the run, however it went: it undoes what was not committed, tears
// down, gives the lease back, stores the timeline and locks its head. err is
// what the workflow's own part returned. The error returned is err joined with
// what went wrong in Close, classed for the caller; the continue-as-new error
// passes untouched, and then nothing is undone. Close must be called once.
func (rb *Run) Close(err error) (Summary, error) {
	if workflow.IsContinueAsNewError(err) {
		return Summary{}, err
	}
	rb.closed = true
	ctx, done := workflow.NewDisconnectedContext(rb.ctx)
	defer done()
	last := rb.fork(ctx)
	last.settleBackground()
	rb.leavePhase()
	summary := rb.summary(err)
	undoErr := last.undoAll()
	last.recordRefused()
	last.releaseLease()
	last.record(evidence.Entry{Kind: evidence.RunFinished, Title: string(summary.Outcome), Detail: summary.Problem})
	last.flush("end")
	last.complete(&summary)
	last.ended = true
	last.show()
	return summary, rb.outcome(err, undoErr)
}

// settleBackground waits until every step beside the run has ended, so that
// nothing is undone while it is still being done.
func (rb *Run) settleBackground() {
	for _, f := range rb.running {
		f.cancel()
	}
	if err := workflow.Await(rb.ctx, func() bool { return rb.background == 0 && len(rb.running) == 0 }); err != nil {
		rb.finding("a step was still at work at the end: " + err.Error())
	}
}

// outcome is the error the workflow ends with.
func (rb *Run) outcome(err, undoErr error) error {
	switch {
	case undoErr != nil: // also of a canceled run: what is not undone must be seen
		return outward(failure.New(failure.ClassOf(undoErr), "%s", errors.Join(err, undoErr)).
			WithHint("starter undo --run %s", rb.id.WorkflowID))
	case temporal.IsCanceledError(err): // the workflow is shown as canceled
		return err
	case rb.book.RolledBack && rb.book.Stop != nil:
		return nil // a rollback that worked is an outcome, not a failure
	default:
		return outward(err)
	}
}

// summary says how the run went, before the undo.
func (rb *Run) summary(err error) Summary {
	s := Summary{
		WorkflowID: rb.id.WorkflowID, FirstRunID: rb.id.FirstRunID, Incident: rb.spec.Incident,
		Scenario: rb.spec.Plan.Runbook.Scenario, Service: rb.spec.Plan.Service.Name,
		PlanHash: string(rb.spec.Plan.PlanHash), Mode: rb.spec.Mode, StartedAt: rb.book.StartedAt,
		Outcome: rb.outcomeOf(err),
	}
	if err != nil {
		s.Problem = err.Error()
	}
	return s
}

func (rb *Run) outcomeOf(err error) Outcome {
	switch {
	case temporal.IsCanceledError(err):
		return Canceled
	case rb.book.RolledBack && (err != nil || rb.book.Stop != nil):
		return RolledBack
	case err != nil && rb.book.Stop != nil:
		return Aborted
	case err != nil:
		return Failed
	default:
		return Recovered
	}
}

// complete adds what is known only at the very end.
func (rb *Run) complete(s *Summary) {
	s.EndedAt = rb.Now()
	s.Instants, s.Waits = rb.book.Instants, rb.book.Waits
	s.Phases, s.Steps, s.Findings = rb.book.Phases, rb.book.Steps, rb.book.Findings
	s.Refused = rb.refusedCounts()
	s.HeadKept = rb.headKept
	s.Head, s.Pages, s.Unstored = rb.chain.Head(), rb.book.Pages, rb.book.Unstored
	for _, u := range rb.book.Undos {
		s.UndosLeft = append(s.UndosLeft, u.Title)
	}
}

// outward classes an error for whoever started the workflow. Cancellation and
// continue-as-new pass as they are.
func outward(err error) error {
	if temporal.IsCanceledError(err) || workflow.IsContinueAsNewError(err) {
		return err
	}
	return boundary.Out(err)
}
