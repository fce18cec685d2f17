package runbook

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// OnCommit registers what is called once the cut-over is committed, so that somebody
// beside the run knows it: a host, say, that would carry out an undo otherwise. Register
// it before Provisional, in a run that continued as new too: it is not carried along. in
// is asked for when the moment has come, since what it shows may be as old (Warrant);
// false: there is nobody to tell. Of opts only On has a meaning.
//
// The commit stands, whatever comes of it: a call that fails for good is a finding.
func OnCommit[I, O any](rb *Run, title string, activity Activity[I, O], in func() (I, bool), opts ...Option) {
	s := rb.step(title, ActivityName(activity), Announce, opts)
	rb.onCommit = append(rb.onCommit, func(detached *Run) {
		if input, wanted := in(); wanted {
			detached.tellCommitted(s, input)
		}
	})
}

// tellCommitted makes one call of OnCommit.
func (rb *Run) tellCommitted(s step, in any) {
	o := rb.table(s.class)
	ctx := withOptions(rb.ctx, o, o.Total, s.on, s.key, s.title)
	if err := boundary.In(workflow.ExecuteActivity(ctx, s.activity, in).Get(ctx, nil)); err != nil {
		rb.finding(s.title + ": it failed, and an undo would still be obeyed there: " + err.Error())
		return
	}
	rb.record(evidence.Entry{Kind: evidence.Note, Step: s.key, Title: s.title, Target: s.on})
}
