package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
)

// stay is how long a run whose timeline no store took goes on before it tries to
// continue again. The server's hard limit on histories is more than ten times
// what it suggests.
const stay = 10 * time.Minute

// shouldContinue reports whether the run must continue as new before it goes on:
// the server suggests it, nothing is at work beside the caller, and the workflow
// knows how.
func (rb *Run) shouldContinue() bool {
	return rb.spec.Continue != nil && !rb.closed && len(rb.running) == 0 && rb.background == 0 &&
		!rb.Now().Before(rb.stayUntil) &&
		workflow.GetInfo(rb.ctx).GetContinueAsNewSuggested()
}

// continueIfSuggested returns the error that continues the workflow as new, or
// nil to go on in this run. The timeline is stored first; as long as no store
// takes it the run goes on here, for it must not be lost and must not swell the
// next run's input.
func (rb *Run) continueIfSuggested() error {
	if !rb.shouldContinue() {
		return nil
	}
	rb.drain()
	rb.record(evidence.Entry{Kind: evidence.Continued, Title: "Workflow continued as new"})
	rb.flush(rb.phaseName())
	if len(rb.book.Unstored) > 0 {
		rb.stayUntil = rb.Now().Add(stay)
		return nil
	}
	if err := workflow.Await(rb.ctx, func() bool { return workflow.AllHandlersFinished(rb.ctx) }); err != nil {
		return err
	}
	rb.drain()
	if len(rb.chain.Held()) > 0 { // of messages that came meanwhile
		rb.book.Unstored = append(rb.book.Unstored, rb.chain.Cut())
	}
	rb.bookWait()
	rb.book.Continued++
	return rb.spec.Continue(rb.book)
}

// bookWait books the wait so far: the next run starts its own.
func (rb *Run) bookWait() {
	if rb.waiting == 0 {
		return
	}
	if p := rb.current(); p != nil && p.Left.IsZero() {
		p.HumanWait += rb.Now().Sub(rb.waitFrom)
	}
	rb.waitFrom = rb.Now()
}

// awaitContinuation keeps a watch still while the coroutine that waits for the
// same question continues the run; it returns if that came to nothing.
func (rb *Run) awaitContinuation() error {
	return workflow.Await(rb.ctx, func() bool { return rb.closed || !rb.shouldContinue() })
}
