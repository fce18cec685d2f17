package runbook

import (
	"context"

	"go.temporal.io/sdk/workflow"
)

// Activity is any activity method: its input and output types are the step's.
type Activity[I, O any] = func(context.Context, I) (O, error)

// Option changes one step.
type Option func(*step)

// On runs the step on a task queue of its own: a host's or a site's.
func On(taskQueue string) Option { return func(s *step) { s.on = taskQueue } }

// Required refuses to skip the step when it fails: the run cannot go on without.
func Required() Option { return func(s *step) { s.required = true } }

// Advisory returns the step's failure to the workflow instead of asking anybody.
// For steps whose failure is itself a result.
func Advisory() Option { return func(s *step) { s.advisory = true } }

// step is one call of one activity, or of one child workflow.
type step struct {
	key      string
	title    string
	activity string // name of the activity or the workflow type
	on       string
	class    Class
	child    bool
	required bool
	advisory bool
}

// Do follows one step and returns what its activity returned. When the step
// fails for good, people (or the policy) decide: retry runs it again, skip
// returns the zero output without error (so an output's zero value must mean
// "unknown"), abort returns failure.Refused. The step's key, from its title, is
// the activity ID: with the workflow ID it is the idempotency key of the effect.
//
// Errors are classed; cancellation passes as it is.
func Do[I, O any](rb *Run, title string, activity Activity[I, O], in I, class Class, opts ...Option) (O, error) {
	var out O
	err := rb.perform(rb.step(title, ActivityName(activity), class, opts), in, &out)
	return out, err
}

// Future is a step at work beside others.
type Future[O any] struct {
	rb  *Run
	out O
	err error
	ok  bool
}

// Go starts a step and returns at once; several run side by side.
func Go[I, O any](rb *Run, title string, activity Activity[I, O], in I, class Class, opts ...Option) *Future[O] {
	f := &Future[O]{rb: rb}
	s := rb.step(title, ActivityName(activity), class, opts)
	rb.background++
	workflow.GoNamed(rb.ctx, s.key, func(ctx workflow.Context) {
		f.err = rb.fork(ctx).perform(s, in, &f.out)
		f.ok = true
		rb.background--
	})
	return f
}

// Get waits for the step and returns what Do would have returned.
func (f *Future[O]) Get() (O, error) {
	if err := workflow.Await(f.rb.ctx, func() bool { return f.ok }); err != nil {
		// Canceled: the step is canceled too, and its end is awaited, so that
		// nothing is undone while it is still being done.
		ctx, done := workflow.NewDisconnectedContext(f.rb.ctx)
		defer done()
		if waitErr := workflow.Await(ctx, func() bool { return f.ok }); waitErr != nil {
			return f.out, waitErr
		}
	}
	return f.out, f.err
}

// Child follows a declared child workflow as one step. The child's ID is the
// parent's with the step's key; a child that is already there is a failure.
func Child[I, O any](rb *Run, title string, child func(workflow.Context, I) (O, error), in I, class Class, opts ...Option) (O, error) {
	var out O
	s := rb.step(title, workflowName(child), class, opts)
	s.child = true
	err := rb.perform(s, in, &out)
	return out, err
}

func (rb *Run) step(title, name string, class Class, opts []Option) step {
	s := step{key: rb.stepKey(title), title: title, activity: name, class: class, advisory: rb.quiet}
	for _, opt := range opts {
		opt(&s)
	}
	return s
}
