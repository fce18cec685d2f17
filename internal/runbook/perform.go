package runbook

import (
	"encoding/json"
	"strconv"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// stepKey returns the key of the next step. Notices come at times of their own,
// so their keys count entries, not titles.
func (rb *Run) stepKey(title string) string {
	if rb.quiet {
		return slug(title) + "-n" + strconv.FormatUint(rb.chain.Head().Count, 10)
	}
	return rb.key(title)
}

// perform follows s until it is settled. A step that an earlier run of this
// chain settled is not run again.
func (rb *Run) perform(s step, in, out any) error {
	if d, ok := rb.book.done(s.key); ok {
		return d.result(out)
	}
	if err := rb.mayRun(s); err != nil {
		return err
	}
	report := rb.reportOf(s)
	if q := rb.openQuestion(failedKey(s)); q != nil { // asked in an earlier run of this chain
		if again, err := rb.settle(s, report, q); err != nil || !again {
			return err
		}
	}
	for {
		err := rb.attempt(s, report, in, out)
		if err == nil {
			return rb.keep(s, out)
		}
		if temporal.IsCanceledError(err) || s.advisory {
			return rb.keepFailed(s, err)
		}
		again, err := rb.settle(s, report, rb.askFailed(s, err))
		if err != nil || !again {
			return err
		}
	}
}

// mayRun enforces what must hold before a step: promise 1 of the package, the
// lease, no pause, no open breach, no decision to stop.
func (rb *Run) mayRun(s step) error {
	o, ok := table(s.class)
	switch {
	case !ok:
		return failure.New(failure.Internal, "step %q has no class", s.title)
	case len(rb.book.Phases) == 0 && o.ByClock:
		return failure.New(failure.Internal, "step %q comes before the first phase was entered", s.title)
	case o.Declared && rb.book.Declared == nil && rb.spec.Mode != Routine:
		return failure.New(failure.Internal, "step %q changes things and comes before the declaration", s.title)
	}
	if rb.quiet {
		return nil
	}
	if err := rb.awaitClear(); err != nil {
		return err
	}
	if o.Declared && rb.book.LeaseLost != "" {
		return failure.New(failure.Unsafe, "step %q would act without the lease: %s", s.title, rb.book.LeaseLost).
			WithHint("see who holds it: starter status; what this run left behind: starter undo --list")
	}
	return nil
}

// attempt runs the step's activity once, with its automatic retries.
func (rb *Run) attempt(s step, report int, in, out any) error {
	r := &rb.book.Steps[report]
	r.State, r.Attempts = StepRunning, r.Attempts+1
	from := rb.Now()
	rb.record(evidence.Entry{Kind: evidence.StepStarted, Step: s.key, Title: s.title, Target: s.on})
	rb.show()
	err := boundary.In(rb.execute(s, in, out))
	r = &rb.book.Steps[report] // the slice may have grown meanwhile
	r.Ended = rb.Now()
	if err == nil {
		r.State, r.Error = StepDone, ""
		rb.record(evidence.Entry{
			Kind: evidence.StepSucceeded, Step: s.key, Title: s.title, Target: s.on,
			Data: []evidence.Pair{{Key: "took", Value: rb.Now().Sub(from).String()}},
		})
	} else {
		r.State, r.Error = StepFailed, err.Error()
		rb.record(evidence.Entry{
			Kind: evidence.StepFailed, Step: s.key, Title: s.title, Target: s.on, Detail: err.Error(),
			Data: []evidence.Pair{{Key: "class", Value: string(failure.ClassOf(err))}, {Key: "hint", Value: failure.HintOf(err)}},
		})
	}
	rb.show()
	return err
}

// execute calls the activity or child workflow and waits for it.
func (rb *Run) execute(s step, in, out any) error {
	ctx, cancel := workflow.WithCancel(rb.ctx)
	defer cancel()
	f := &inFlight{cancel: cancel}
	rb.running = append(rb.running, f)
	defer rb.landed(f)
	if s.child {
		return workflow.ExecuteChildWorkflow(rb.childContext(ctx, s), s.activity, in).Get(ctx, out)
	}
	return workflow.ExecuteActivity(rb.activityContext(ctx, s), s.activity, in).Get(ctx, out)
}

// keep settles s with its output, so that a continuation need not run it again.
func (rb *Run) keep(s step, out any) error {
	if rb.quiet {
		return nil
	}
	output, err := json.Marshal(out)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode output of step %q", s.title)
	}
	rb.book.Done = append(rb.book.Done, doneStep{Key: s.key, Output: output})
	return nil
}

// settle waits for the answer to a failed step and carries it out. It reports
// whether the step is to be run again.
func (rb *Run) settle(s step, report int, q *question) (again bool, err error) {
	if err := rb.await(q); err != nil {
		return false, err
	}
	rb.closeQuestion(q)
	a := q.Answer
	entry := evidence.Entry{Step: s.key, Title: s.title, Actor: a.By, Detail: a.Reason}
	r := &rb.book.Steps[report]
	switch a.Verdict {
	case approval.Retry:
		entry.Kind = evidence.StepRetried
		rb.record(entry)
		return true, rb.awaitClear()
	case approval.Skip:
		entry.Kind, r.State = evidence.StepSkipped, StepSkipped
		rb.record(entry)
		rb.book.Done = append(rb.book.Done, doneStep{Key: s.key, Skipped: true})
		rb.finding("step " + strconv.Quote(s.title) + " was skipped: " + a.Reason)
		return false, nil
	default:
		entry.Kind, r.State = evidence.StepAborted, StepAborted
		rb.record(entry)
		cause := failure.New(failure.Refused, "%s", r.Error).
			WithHint("starter status --run %s --timeline shows what was done and undone; mend the cause and start again", shellQuote(rb.id.WorkflowID))
		rb.abort(a.By, "step "+strconv.Quote(s.title)+" failed and the run was aborted: "+a.Reason)
		return false, failure.Wrap(failure.Refused, cause, "abort at step %q by %s", s.title, a.By)
	}
}

// keepFailed settles an advisory step with its failure, for the same reason. A
// canceled step is not settled.
func (rb *Run) keepFailed(s step, cause error) error {
	if temporal.IsCanceledError(cause) {
		return rb.canceled(cause)
	}
	if !rb.quiet {
		failed := &failedStep{failure.ClassOf(cause), cause.Error(), failure.HintOf(cause)}
		rb.book.Done = append(rb.book.Done, doneStep{Key: s.key, Failed: failed})
	}
	return cause
}

// canceled tells a step canceled by an abort from one canceled with the workflow.
func (rb *Run) canceled(cause error) error {
	if err := rb.stopped(); err != nil && rb.ctx.Err() == nil {
		return err
	}
	return cause
}

// result returns what the settled step returned.
func (d doneStep) result(out any) error {
	switch {
	case d.Failed != nil:
		return failure.New(d.Failed.Class, "%s", d.Failed.Message).WithHint("%s", d.Failed.Hint)
	case len(d.Output) == 0: // skipped: the zero output
		return nil
	}
	return failure.Wrap(failure.Internal, json.Unmarshal(d.Output, out), "decode output of an earlier step")
}
