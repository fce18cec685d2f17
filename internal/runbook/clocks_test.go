package runbook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// Watch is a host whose clock is off by a known amount.
type Watch struct {
	off    time.Duration
	err    error
	obeyed map[string]uint64 // tokens that the host acted under, by lease
}

func (w *Watch) Read(_ context.Context, in clock.Question) (clock.Reading, error) {
	return clock.Reading{At: in.Asked.Add(w.off), Obeyed: w.obeyed[in.Lease]}, boundary.Out(w.err)
}

// Compare is a runbook that looks at one clock.
func Compare(ctx workflow.Context, in Input) (Result, error) {
	rb, err := runbook.Open(ctx, runbook.Spec{Incident: "INC-1", Plan: in.Plan, Mode: runbook.Routine})
	if err != nil {
		return Result{}, err
	}
	if err := rb.Enter("look"); err != nil {
		return Result{}, err
	}
	err = rb.CompareClock("door", "")()
	if err == nil {
		err = rb.CompareClock("door", "")() // known by now: not asked again
	}
	rb.Happened(runbook.Started)
	var result Result
	result.Summary, err = rb.Close(err)
	return result, err
}

// TestClocksAreHeldAgainstThePlan: what is off by more than the plan allows is a
// finding with figures; what could not be asked is unknown, never fine.
func TestClocksAreHeldAgainstThePlan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		watch    Watch
		bound    time.Duration
		findings int
		says     string
	}{
		"right":            {Watch{off: 100 * time.Millisecond}, 500 * time.Millisecond, 0, "within 500ms"},
		"ahead":            {Watch{off: 2 * time.Second}, 500 * time.Millisecond, 1, "off by more than 500ms"},
		"behind":           {Watch{off: -2 * time.Second}, 500 * time.Millisecond, 1, "off by more than 500ms"},
		"no bound":         {Watch{off: 2 * time.Second}, 0, 0, "unknown: the plan states no bound"},
		"does not answer":  {Watch{err: failure.New(failure.Refused, "no")}, 500 * time.Millisecond, 0, "unknown: "},
		"within by a hair": {Watch{off: 499 * time.Millisecond}, 500 * time.Millisecond, 0, "within 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.env.RegisterWorkflow(Compare)
			b.env.RegisterActivityWithOptions(&c.watch, activity.RegisterOptions{Name: clock.Prefix})
			b.in.Plan.MaxOffset = plan.Duration(c.bound)
			b.env.ExecuteWorkflow(Compare, b.in)
			require.NoError(t, b.env.GetWorkflowError())
			require.Len(t, b.result().Summary.Findings, c.findings)
			if c.findings > 0 {
				require.Contains(t, b.result().Summary.Findings[0], "the clock of door is off by "+c.watch.off.String()+" ± ")
			}
			var said []string
			for _, e := range b.entries().Entries {
				if e.Kind == evidence.CheckMade && e.Title == "Clock of door" {
					said = append(said, e.Detail)
				}
				if e.Kind == evidence.InstantSet {
					require.Equal(t, "0s", e.Value("clock_offset"), "the run's own clock is the reference")
				}
			}
			require.Len(t, said, 1)
			require.True(t, strings.HasPrefix(said[0], c.says), said[0])
		})
	}
}

// Drilled is a runbook that looks at one clock and then takes the lease.
func Drilled(ctx workflow.Context, in Input) (Result, error) {
	rb, err := runbook.Open(ctx, runbook.Spec{Incident: "INC-1", Plan: in.Plan, Mode: runbook.Drill})
	if err != nil {
		return Result{}, err
	}
	if err := rb.Enter("look"); err != nil {
		return Result{}, err
	}
	if err = rb.CompareClock("door", "")(); err == nil {
		err = rb.Declare()
	}
	var result Result
	result.Summary, err = rb.Close(err)
	return result, err
}

// TestLeaseIsAboveWhatHostsObeyed: the lease's token is one that a host will obey, which
// acted under tokens that the stores do not have.
func TestLeaseIsAboveWhatHostsObeyed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.env.RegisterWorkflow(Drilled)
	b.env.RegisterActivityWithOptions(&Watch{obeyed: map[string]uint64{"drill/house": 7, "house": 99}}, activity.RegisterOptions{Name: clock.Prefix})
	b.env.ExecuteWorkflow(Drilled, b.in)
	require.NoError(t, b.env.GetWorkflowError())
	for _, e := range b.entries().Entries {
		if e.Kind == evidence.LeaseTaken {
			require.Equal(t, "8", e.Value("token"))
			return
		}
	}
	t.Error("the run took no lease")
}
