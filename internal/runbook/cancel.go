package runbook

import (
	"go.temporal.io/sdk/workflow"
)

// shield gives the run a context of its own, which a request to cancel the workflow
// does not reach by itself: nobody signs such a request, and whoever may write to
// the namespace can send one.
//
// Until a cut-over is provisional it is obeyed: the run ends and undoes, which lifts
// fences and leaves the service as it was found. From then on it would discard what
// was written to the recovered service, and only a signed rollback may do that. The
// request is recorded, and put to those who decide about the cut-over.
//
// `temporal workflow terminate` is beyond any workflow's reach: it undoes nothing.
func (rb *Run) shield(root workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(root)
	rb.ctx = ctx
	workflow.GoNamed(root, "cancel request", func(root workflow.Context) {
		root.Done().Receive(root, nil)
		if q := rb.questionOf(provisionalKey); q != nil && rb.heldOpen() {
			rb.finding("a request to cancel the run was not carried out: it would have discarded what was written since the cut-over")
			rb.tell(Notice{
				Kind: NoticeCancel, Title: "Somebody asked to cancel the run: " + q.Title, Detail: rb.asking(q),
				Opened: rb.Now(), To: rb.deciders(q),
			})
			return
		}
		cancel()
	})
}

// heldOpen reports whether a cut-over waits for people's word, or may still come to.
func (rb *Run) heldOpen() bool {
	return rb.spec.Mode == Attended && rb.book.Stop == nil && !rb.book.Committed && !rb.book.RolledBack && !rb.closed
}
