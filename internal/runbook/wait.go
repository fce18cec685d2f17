package runbook

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// forPeople runs wait as time spent waiting for people: it is reported apart
// from machine time, and the phase's clock stands still.
func (rb *Run) forPeople(reason string, wait func() error) error {
	from := rb.Now()
	if rb.waiting == 0 {
		rb.waitFrom = from
	}
	rb.waiting++
	rb.clockTick++
	if showsWaiting(rb.ctx) {
		rb.show()
	}
	err := wait()
	rb.waiting--
	rb.clockTick++
	if rb.waiting == 0 {
		if p := rb.current(); p != nil && p.Left.IsZero() {
			p.HumanWait += rb.Now().Sub(rb.waitFrom)
		}
	}
	rb.book.Waits = append(rb.book.Waits, recovery.Wait{Reason: reason, From: from, To: rb.Now()})
	return err
}

// awaitClear returns when the next step may start: no pause, no open breach. It
// returns the error that ends the run once that is decided.
func (rb *Run) awaitClear() error {
	for {
		if err := rb.stopped(); err != nil {
			return err
		}
		breach := rb.openBreach()
		if rb.book.PausedBy == "" && breach == nil {
			return nil
		}
		if err := rb.continueIfSuggested(); err != nil {
			return err
		}
		reason := "pause"
		if breach != nil {
			reason = breach.Key
		}
		err := rb.forPeople(reason, func() error {
			return workflow.Await(rb.ctx, func() bool {
				return rb.book.Stop != nil || rb.shouldContinue() || rb.book.PausedBy == "" && rb.openBreach() == nil
			})
		})
		if err != nil {
			return err
		}
	}
}

// stopped returns the error that ends the run, or nil.
func (s *state) stopped() error {
	if s.book.Stop == nil {
		return nil
	}
	return failure.New(failure.Refused, "%s", s.book.Stop.Why).WithHint("see the timeline: starter status --timeline")
}

// abort settles that the run ends and cancels what is at work. The workflow
// learns of it from the next call of the kit; Close undoes.
func (rb *Run) abort(by, why string) {
	if rb.book.Stop == nil {
		rb.book.Stop = &stop{Why: why, By: by}
	}
	for _, f := range rb.running {
		f.cancel()
	}
}
