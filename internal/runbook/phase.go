package runbook

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// Enter ends the phase before and begins the phase of that name, with its budget
// from the plan. The timeline so far goes to the stores, and its head into a
// locked object. Enter may return the continue-as-new error of Spec.Continue.
func (rb *Run) Enter(name string) error {
	phase, ok := rb.spec.phase(name)
	if !ok {
		return failure.Invalid("phase", "the plan has no phase %q", name).WithHint("starter plan check")
	}
	if rb.entered(name) {
		return nil
	}
	if err := rb.awaitClear(); err != nil {
		return err
	}
	if len(rb.book.Phases) > 0 {
		rb.leavePhase()
		rb.flush(rb.phaseName())
		if err := rb.continueIfSuggested(); err != nil {
			return err
		}
	}
	rb.book.Phases = append(rb.book.Phases, PhaseReport{
		Name: phase.Name, Title: phase.Title, Budget: phase.Budget.Std(), Entered: rb.Now(),
	})
	rb.clockTick++
	rb.record(evidence.Entry{
		Kind: evidence.PhaseEntered, Title: phase.Title,
		Data: []evidence.Pair{{Key: "budget", Value: phase.Budget.Std().String()}},
	})
	rb.show()
	return nil
}

// entered reports whether the phase was entered already, by an earlier run of
// this chain.
func (rb *Run) entered(name string) bool {
	for _, p := range rb.book.Phases {
		if p.Name == name {
			return true
		}
	}
	return false
}

// current returns the phase the run is in, or nil before the first.
func (s *state) current() *PhaseReport {
	if len(s.book.Phases) == 0 {
		return nil
	}
	return &s.book.Phases[len(s.book.Phases)-1]
}

func (s *state) phaseName() string {
	if p := s.current(); p != nil {
		return p.Name
	}
	return ""
}

func (rb *Run) leavePhase() {
	p := rb.current()
	if p == nil || !p.Left.IsZero() {
		return
	}
	p.Left = rb.Now()
	rb.clockTick++
	rb.record(evidence.Entry{Kind: evidence.PhaseLeft, Title: p.Title, Data: []evidence.Pair{
		{Key: "took", Value: p.Left.Sub(p.Entered).String()},
		{Key: "human_wait", Value: p.HumanWait.String()},
	}})
}

// timeLeft returns what is left of the phase's budget. The clock stands still
// while the run waits for people. bounded is false outside any phase.
func (rb *Run) timeLeft() (left time.Duration, bounded bool) {
	p := rb.current()
	if p == nil || !p.Left.IsZero() || p.Budget <= 0 {
		return 0, false
	}
	waited := p.HumanWait
	if rb.waiting > 0 {
		waited += rb.Now().Sub(rb.waitFrom)
	}
	return p.Budget + p.Extended - (rb.Now().Sub(p.Entered) - waited), true
}
