package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Provisional is a cut-over that can still be undone. From its beginning
// people may commit or roll back at any time (a commit counts from the moment the
// service serves again, or nothing but the decision is left); at the plan's rollback deadline
// the plan's choice holds: commit, rollback, or none (it stays open and escalates).
type Provisional struct {
	rb *Run
	q  *question
}

const provisionalKey = warrant.CommitKey

// Provisional begins the provisional time of a cut-over. The deadline is
// durable: it passes also while steps are at work. A rollback lets the next
// step return failure.Refused, and Close then undoes everything.
func (rb *Run) Provisional(title string, choice any) (*Provisional, error) {
	book := rb.spec.Plan.Runbook
	known := rb.questionOf(provisionalKey) != nil
	q, err := rb.open(&question{
		Key: provisionalKey, Title: title, Accepts: []approval.Kind{approval.Commit, approval.Rollback}, Self: true,
		ExpiresAt: rb.deadline(book),
	}, choice, evidence.Entry{
		Kind: evidence.GateOpened, Title: title,
		Data: []evidence.Pair{{Key: "deadline", Value: book.RollbackDeadline.Std().String()}, {Key: "at_deadline", Value: string(book.AtDeadline)}},
	})
	if err != nil {
		return nil, err
	}
	if !known && rb.spec.Mode == Drill {
		rb.answer(q, answer{Kind: approval.Rollback, By: policyName, Reason: "a drill keeps nothing"})
	}
	if !known {
		rb.ask(q)
	}
	p := &Provisional{rb: rb, q: q}
	workflow.GoNamed(rb.ctx, provisionalKey, func(ctx workflow.Context) { rb.fork(ctx).watchProvisional(q) })
	return p, nil
}

func (rb *Run) deadline(book plan.Runbook) time.Time {
	if book.RollbackDeadline <= 0 {
		return time.Time{}
	}
	return rb.Now().Add(book.RollbackDeadline.Std())
}

// watchProvisional settles the cut-over when it is answered or its deadline
// passes.
func (rb *Run) watchProvisional(q *question) {
	for q.Answer == nil && !rb.closed {
		if rb.awaitAlarm(q) != nil {
			return
		}
		if q.Answer == nil && rb.awaitContinuation() != nil {
			return
		}
		rb.applyDeadline(q)
	}
	if q.Answer == nil || rb.book.Committed || rb.book.RolledBack {
		return
	}
	if q.Answer.Kind == approval.Rollback {
		rb.book.RolledBack = true
		if rb.spec.Mode != Drill { // a drill goes on to its end and is torn down there
			rb.abort(q.Answer.By, "rolled back by "+q.Answer.By+": "+q.Answer.Reason)
		}
		return
	}
	if !rb.awaitKeepable() {
		return
	}
	rb.record(evidence.Entry{Kind: evidence.GatePassed, Title: q.Title, Actor: q.Answer.By, Detail: q.Answer.Reason})
	rb.background++
	rb.Commit(q.Answer.By)
	rb.background--
	rb.book.Committed = true
}

// awaitKeepable waits until there is something to keep. A commit may come as soon
// as the cut-over does, but before the service serves again nothing is lost by
// undoing, and without its undo a run that failed would leave writes frozen (L21).
func (rb *Run) awaitKeepable() bool {
	if !commitsOnceServing(rb.ctx) {
		return true
	}
	err := workflow.Await(rb.ctx, func() bool { return rb.closed || rb.book.Instants.Serving.Known || rb.deciding })
	return err == nil && !rb.closed
}

// applyDeadline gives an expired question the answer of the plan.
func (rb *Run) applyDeadline(q *question) {
	if q.Answer == nil || q.Answer.Kind != "" {
		return
	}
	switch rb.spec.Plan.Runbook.AtDeadline {
	case plan.DeadlineCommit:
		q.Answer.Kind, q.Answer.By = approval.Commit, policyName
	case plan.DeadlineRollback:
		q.Answer.Kind, q.Answer.By = approval.Rollback, policyName
	default: // stays provisional
		q.Answer, q.ExpiresAt = nil, time.Time{}
	}
}

// Wait returns when the cut-over was committed; its undo records are dropped
// then. Rolled back, it returns failure.Refused, and Close undoes. On a drill it
// returns at once: nothing is kept, and Close tears down.
func (p *Provisional) Wait() error {
	rb := p.rb
	rb.deciding = true
	settled := func() bool { return rb.book.Committed || rb.book.RolledBack }
	for !settled() {
		if err := rb.stopped(); err != nil {
			return err
		}
		if err := rb.continueIfSuggested(); err != nil {
			return err
		}
		err := rb.forPeople(provisionalKey, func() error {
			return workflow.Await(rb.ctx, func() bool { return settled() || rb.book.Stop != nil || rb.shouldContinue() })
		})
		if err != nil {
			return err
		}
	}
	if rb.book.Committed || rb.spec.Mode == Drill {
		return nil
	}
	return failure.New(failure.Refused, "the cut-over was rolled back by %s", p.q.Answer.By)
}
