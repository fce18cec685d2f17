package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/internal/evidence"
)

// Clock is how the clock of one host stands to the run's own, which is that of
// Temporal's server and the reference of the time model.
type Clock struct {
	Host        string        `json:"host"`
	Offset      time.Duration `json:"offset_ns"`      // host minus run
	Uncertainty time.Duration `json:"uncertainty_ns"` // at most this much more or less
	Unknown     string        `json:"unknown,omitempty"`
}

// CompareClock begins to compare a host's clock with the run's; the returned
// function waits for it. The host is asked once: it answered between the moments at
// which the run asked and heard, so the middle of the two is its time, give or take
// half of what lies between.
//
// A clock that is off by more than the plan's clock.max_offset, whatever the
// uncertainty, is a finding. One that may or may not be, or that could not be asked,
// is noted as unknown. A run that continues as new does not ask again. The host says
// besides which lease it obeyed last, for takeLease.
func (rb *Run) CompareClock(host, queue string) (wait func() error) {
	if !comparesClocks(rb.ctx) || rb.clockOf(host) != nil {
		return func() error { return nil }
	}
	done := false
	rb.background++
	workflow.GoNamed(rb.ctx, "clock of "+host, func(ctx workflow.Context) {
		fork := rb.fork(ctx)
		fork.judgeClock(fork.readClock(host, queue))
		done = true
		rb.background--
	})
	return func() error { return workflow.Await(rb.ctx, func() bool { return done }) }
}

func (rb *Run) readClock(host, queue string) Clock {
	asked := rb.Now()
	reading, err := Do(rb, "Read the clock of "+host, clock.Ref.Read, clock.Question{Host: host, Asked: asked, Lease: rb.leaseName()}, Glance, On(queue), Advisory())
	heard := rb.Now()
	if err != nil {
		return Clock{Host: host, Unknown: err.Error()}
	}
	rb.book.Obeyed = max(rb.book.Obeyed, reading.Obeyed)
	half := heard.Sub(asked) / 2
	return Clock{Host: host, Offset: reading.At.Sub(asked.Add(half)), Uncertainty: half}
}

// judgeClock keeps c and holds it against the plan's bound.
func (rb *Run) judgeClock(c Clock) {
	rb.book.Clocks = append(rb.book.Clocks, c)
	bound := rb.spec.Plan.MaxOffset.Std()
	title := "Clock of " + c.Host
	if c.Unknown != "" {
		rb.Check(title, "unknown: "+c.Unknown)
		return
	}
	measured := c.Offset.Round(time.Millisecond).String() + " ± " + c.Uncertainty.Round(time.Millisecond).String()
	verdict := "within " + bound.String()
	switch off := c.Offset.Abs(); {
	case bound <= 0:
		verdict = "unknown: the plan states no bound"
	case off-c.Uncertainty > bound:
		verdict = "off by more than " + bound.String()
		rb.finding("the clock of " + c.Host + " is off by " + measured + ", and the plan allows " + bound.String() + ": times recorded there are wrong by as much")
	case off+c.Uncertainty > bound:
		verdict = "unknown: too close to " + bound.String() + " for the uncertainty"
	}
	rb.Check(title, verdict, evidence.Pair{Key: "offset", Value: c.Offset.String()}, evidence.Pair{Key: "uncertainty", Value: c.Uncertainty.String()})
}

func (s *state) clockOf(host string) *Clock {
	for i := range s.book.Clocks {
		if s.book.Clocks[i].Host == host {
			return &s.book.Clocks[i]
		}
	}
	return nil
}
