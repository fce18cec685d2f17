package runbook

import (
	"encoding/json"
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// undo is one registered compensation: what is mirrored in the stores.
type undo = stored.UndoRecord

// Undo registers the compensation of a danger that comes next. It returns once
// the record is mirrored in the stores, so that `starter undo` can run it even
// if this run is terminated. When the run ends without Commit (error, cancel,
// abort, rollback) the compensations run last first, on a disconnected context.
//
// activity must be idempotent and succeed when there is nothing to undo: it also
// runs when the danger never began, and may run twice. in must hold references
// to secrets, never secrets: it is stored. Of opts only On has a meaning.
func Undo[I, O any](rb *Run, title string, activity Activity[I, O], in I, opts ...Option) error {
	return rb.register(rb.step(title, ActivityName(activity), Mutate, opts), in, false)
}

// Teardown registers what must be taken away however the run ends: also on
// success, and not dropped by Commit (L23).
func Teardown[I, O any](rb *Run, title string, activity Activity[I, O], in I, opts ...Option) error {
	return rb.register(rb.step(title, ActivityName(activity), Mutate, opts), in, true)
}

func (rb *Run) register(s step, in any, always bool) error {
	if _, ok := rb.book.done(s.key); ok { // by an earlier run of this chain
		return nil
	}
	input, err := json.Marshal(in)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode input of undo %q", s.title)
	}
	rb.book.UndoCount++
	u := undo{
		Number: rb.book.UndoCount, Title: s.title, Activity: s.activity, TaskQueue: s.on,
		Input: input, Always: always, At: rb.Now(),
	}
	// Pushed before it is mirrored: whatever happens next, this run undoes it.
	rb.book.Undos = append(rb.book.Undos, u)
	rb.record(evidence.Entry{Kind: evidence.UndoRegistered, Step: s.key, Title: s.title, Target: s.on})
	mirror := stored.UndoIn{Run: rb.id, Service: rb.spec.Plan.Service.Name, Undo: u}
	if _, err := Do(rb, "Mirror undo: "+s.title, stored.Ref.RecordUndo, mirror, Announce); err != nil {
		return err
	}
	return rb.keep(s, nil)
}

// Commit drops the compensations: what was done is to stay. Teardowns remain. Then
// those are told that OnCommit named.
// Committing twice changes nothing. A commit is carried through even when the
// run is canceled meanwhile.
func (rb *Run) Commit(by string) {
	ctx, done := workflow.NewDisconnectedContext(rb.ctx)
	defer done()
	detached := rb.fork(ctx)
	var kept []undo
	dropped := rb.book.Undos
	rb.book.Undos = nil
	for _, u := range dropped {
		if u.Always {
			kept = append(kept, u)
		}
	}
	rb.book.Undos = append(kept, rb.book.Undos...)
	for _, u := range dropped {
		if !u.Always {
			rb.record(evidence.Entry{Kind: evidence.UndoDropped, Title: u.Title, Actor: by})
			detached.mirrorUndone(u, stored.Committed)
		}
	}
	for _, tell := range rb.onCommit {
		tell(detached)
	}
}

// undoAll runs every compensation left, last first. One that fails does not stop
// the others; the errors are joined. Without the lease nothing is undone: another
// run is at work, and the records stay in the mirror for people.
func (rb *Run) undoAll() error {
	ctx, done := workflow.NewDisconnectedContext(rb.ctx)
	defer done()
	detached := rb.fork(ctx)
	if rb.book.LeaseLost != "" && len(rb.book.Undos) > 0 {
		return failure.New(failure.Unsafe, "nothing was undone, because the lease was lost: %s", rb.book.LeaseLost).
			WithHint("starter undo --run %s", rb.id.WorkflowID)
	}
	var failed []undo
	var errs []error
	for _, u := range slices.Backward(rb.book.Undos) {
		if err := detached.undoOne(u); err != nil {
			failed = append(failed, u)
			errs = append(errs, err)
		}
	}
	rb.book.Undos = failed
	return errors.Join(errs...)
}

func (rb *Run) undoOne(u undo) error {
	o := rb.noticing(undoTable())
	ctx := withOptions(rb.ctx, o, o.Total, u.TaskQueue, "undo-"+decimal(u.Number), "Undo: "+u.Title)
	err := boundary.In(workflow.ExecuteActivity(ctx, u.Activity, u.Input).Get(ctx, nil))
	if err != nil {
		rb.record(evidence.Entry{Kind: evidence.UndoFailed, Title: u.Title, Target: u.TaskQueue, Detail: err.Error()})
		return failure.Wrap(failure.ClassOf(err), err, "undo %q", u.Title)
	}
	rb.record(evidence.Entry{Kind: evidence.UndoRan, Title: u.Title, Target: u.TaskQueue})
	rb.mirrorUndone(u, stored.Undone)
	return nil
}

// mirrorUndone notes the outcome of u in the stores. If that fails the mirror
// says too much: `starter undo` would run an idempotent undo again.
func (rb *Run) mirrorUndone(u undo, outcome stored.UndoOutcome) {
	in := stored.UndoneIn{Run: rb.id, Number: u.Number, Outcome: outcome, At: rb.Now()}
	if err := rb.store("Mirror outcome of undo: "+u.Title, ActivityName(stored.Ref.RecordUndone), in, nil); err != nil {
		rb.finding("undo " + u.Title + " is " + string(outcome) + ", but the mirror could not be told: " + err.Error())
	}
}
