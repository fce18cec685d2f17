package runbook

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
)

const breachPrefix = "breach:"

// openBreach returns the breach that is being asked about, or nil.
func (s *state) openBreach() *question {
	for _, q := range s.book.Questions {
		if strings.HasPrefix(q.Key, breachPrefix) {
			return q
		}
	}
	return nil
}

// watchBudget asks what to do whenever the phase's budget runs out. Steps at
// work go on meanwhile (those bounded by the clock end by it); no further step
// starts before the answer.
func (rb *Run) watchBudget() {
	for !rb.closed {
		if q := rb.openBreach(); q != nil { // from an earlier run of this chain
			rb.settleBreach(q)
			continue
		}
		tick := rb.clockTick
		changed := func() bool { return rb.closed || rb.clockTick != tick }
		left, bounded := rb.timeLeft()
		if !bounded || rb.waiting > 0 {
			if workflow.Await(rb.ctx, changed) != nil {
				return
			}
			continue
		}
		if left > 0 {
			if _, err := workflow.AwaitWithTimeout(rb.ctx, left, changed); err != nil {
				return
			}
			continue
		}
		rb.breach()
	}
}

// breach records that the phase ran out, escalates and asks: extend, or abort.
func (rb *Run) breach() {
	p := rb.current()
	p.Breaches++
	allowed := p.Budget + p.Extended
	title := "Phase ran out of time: " + p.Title
	q, err := rb.open(
		&question{Key: breachPrefix + p.Name, Title: title, Accepts: []approval.Kind{approval.Extend, approval.Resolve}, Self: true, NoSkip: true},
		struct {
			Phase   string `json:"phase"`
			Allowed string `json:"allowed"`
			Ask     string `json:"ask"`
		}{p.Name, allowed.String(), "extend the phase, or abort the run"},
		evidence.Entry{Kind: evidence.Breach, Title: title, Data: []evidence.Pair{{Key: "allowed", Value: allowed.String()}}})
	if err != nil {
		return
	}
	if rb.spec.Mode != Attended {
		rb.answer(q, answer{Kind: approval.Extend, By: policyName, Reason: "an unattended run goes on late, and says so", Extend: max(p.Budget, time.Minute)})
	} else {
		rb.tell(Notice{Kind: NoticeBreach, Title: title, Detail: rb.howToAnswer(q), Opened: q.OpenedAt, To: rb.spec.Plan.Notify})
	}
	rb.settleBreach(q)
}

// settleBreach waits for the answer to a breach and carries it out.
func (rb *Run) settleBreach(q *question) {
	for q.Answer == nil {
		if rb.closed || rb.book.Stop != nil {
			rb.closeQuestion(q)
			rb.awaitEnd()
			return
		}
		if rb.awaitAlarm(q) != nil {
			return
		}
		if q.Answer == nil && rb.awaitContinuation() != nil {
			return
		}
	}
	rb.closeQuestion(q)
	a := q.Answer
	if a.Kind != approval.Extend {
		rb.abort(a.By, "aborted after the phase ran out of time: "+a.Reason)
		return
	}
	p := rb.current()
	left, _ := rb.timeLeft()
	p.Extended += a.Extend - left // from now on; left is what was overrun
	rb.clockTick++
	rb.record(evidence.Entry{
		Kind: evidence.PhaseExtended, Title: p.Title, Actor: a.By, Detail: a.Reason,
		Data: []evidence.Pair{{Key: "by", Value: a.Extend.String()}},
	})
	rb.show()
}

// awaitEnd keeps the watch quiet until the run ends.
func (rb *Run) awaitEnd() {
	if err := workflow.Await(rb.ctx, func() bool { return rb.closed }); err != nil {
		return
	}
}
