package scenario

import (
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// Options say what is played.
type Options struct {
	// PlanFile is the plan that is followed.
	PlanFile string
	// BinDir holds the programs; empty: they are built.
	BinDir string
	// Size of the data.
	Size dataset.Size
	// Observation replaces the plan's time of watching after the recovery; zero:
	// as short as still tells something.
	Observation time.Duration
	// Write is the time between two rows of the application.
	Write time.Duration
	// Change edits the plan further; nil: nothing.
	Change func(*plan.Plan)
	// Stack edits what is started; nil: nothing.
	Stack func(*stack.Options)
	// Told hears of every command that is run, as a user would type it; nil: nobody.
	Told func(command string)
	// Log of the stack; nil: none.
	Log *zap.Logger
}

func (o *Options) complete() error {
	if o.PlanFile == "" {
		return failure.Invalid("PlanFile", "name the plan to follow")
	}
	if o.Size == (dataset.Size{}) {
		o.Size = dataset.Small()
	}
	if o.Observation <= 0 {
		o.Observation = observation
	}
	if o.Write <= 0 {
		o.Write = 50 * time.Millisecond
	}
	if o.Stack == nil {
		o.Stack = func(*stack.Options) {}
	}
	if o.Told == nil {
		o.Told = func(string) {}
	}
	return nil
}
