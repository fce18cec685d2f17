package runbook

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// Outside runs one activity outside the runbook: before it is open, to read the
// plan it will follow, or after it was closed, to write down what came of it. It
// leaves no entry on the timeline, asks nobody, and must change no service. After
// a cancellation it still runs.
//
// Errors are classed as Do's are.
func Outside[I, O any](ctx workflow.Context, title string, activity Activity[I, O], in I) (O, error) {
	var out O
	if ctx.Err() != nil {
		var done workflow.CancelFunc
		ctx, done = workflow.NewDisconnectedContext(ctx)
		defer done()
	}
	o, _ := table(Announce)
	ctx = withOptions(ctx, o, o.Total, "", "", title)
	err := boundary.In(workflow.ExecuteActivity(ctx, ActivityName(activity), in).Get(ctx, &out))
	return out, err
}
