package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
)

// await waits until q is answered, telling people at the plan's escalation
// levels. When q expires, its answer has no kind. It may return the
// continue-as-new error.
func (rb *Run) await(q *question) error {
	return rb.forPeople(q.Key, func() error {
		for q.Answer == nil {
			if err := rb.stoppedWhile(q); err != nil {
				return err
			}
			if err := rb.continueIfSuggested(); err != nil {
				return err
			}
			if err := rb.awaitAlarm(q); err != nil {
				return err
			}
		}
		return nil
	})
}

// stoppedWhile returns the error that ends the run while q is open. Questions
// that themselves decide about the end are answered first.
func (rb *Run) stoppedWhile(*question) error { return rb.stopped() }

// awaitAlarm waits for an answer or for the next instant at which something is
// due: an escalation or the expiry.
func (rb *Run) awaitAlarm(q *question) error {
	settled := func() bool { return q.Answer != nil || rb.book.Stop != nil || rb.shouldContinue() }
	at, expiry := rb.nextAlarm(q)
	if at.IsZero() {
		return workflow.Await(rb.ctx, settled)
	}
	if wait := at.Sub(rb.Now()); wait > 0 {
		if ok, err := workflow.AwaitWithTimeout(rb.ctx, wait, settled); err != nil || ok {
			return err
		}
	}
	if expiry {
		rb.record(evidence.Entry{Kind: evidence.GateExpired, Title: q.Title})
		rb.answer(q, answer{By: "nobody", Reason: "no answer before " + q.ExpiresAt.Format(time.RFC3339)})
		return nil
	}
	rb.escalate(q)
	return nil
}

// nextAlarm returns the next instant at which something is due for q. An
// acknowledged question is not escalated further; it still expires.
func (rb *Run) nextAlarm(q *question) (at time.Time, expiry bool) {
	levels := rb.spec.Plan.Escalation
	if q.Acknowledged == "" && q.Escalated < len(levels) {
		at = q.OpenedAt.Add(levels[q.Escalated].After.Std())
	}
	if !q.ExpiresAt.IsZero() && (at.IsZero() || !at.Before(q.ExpiresAt)) {
		return q.ExpiresAt, true
	}
	return at, false
}

// escalate tells the next level, in a coroutine of its own: an answer must not
// wait for a page to be delivered.
func (rb *Run) escalate(q *question) {
	level := rb.spec.Plan.Escalation[q.Escalated]
	q.Escalated++
	rb.record(evidence.Entry{
		Kind: evidence.GateEscalated, Title: q.Title,
		Data: []evidence.Pair{{Key: "level", Value: decimal(level.Level)}, {Key: "after", Value: level.After.Std().String()}},
	})
	rb.tell(Notice{Kind: NoticeEscalation, Title: q.Title, Detail: rb.howToAnswer(q), Level: level, To: level.Notify, Opened: q.OpenedAt})
}

// tell runs the workflow's Notify beside the run. Its failure is recorded and
// stops nothing.
func (rb *Run) tell(n Notice) {
	if rb.spec.Notify == nil {
		rb.record(evidence.Entry{Kind: evidence.NotifyFailed, Title: n.Title, Detail: "this runbook has no way to notify"})
		return
	}
	rb.background++
	workflow.GoNamed(rb.ctx, "notice", func(ctx workflow.Context) {
		fork := rb.fork(ctx)
		fork.quiet = true
		entry := evidence.Entry{Kind: evidence.Notified, Title: n.Title, Detail: string(n.Kind)}
		if err := rb.spec.Notify(fork, n); err != nil {
			entry.Kind, entry.Detail = evidence.NotifyFailed, err.Error()
		}
		rb.record(entry)
		rb.background--
	})
}
