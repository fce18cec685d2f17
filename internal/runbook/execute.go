package runbook

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// leastTime is given to a step that starts when its phase has almost run out:
// enough to be refused properly rather than to be cut off.
const leastTime = 5 * time.Second

// activityContext returns ctx with the options of s.
func (rb *Run) activityContext(ctx workflow.Context, s step) workflow.Context {
	o := rb.table(s.class)
	total := o.Total
	if o.ByClock {
		if left, bounded := rb.timeLeft(); bounded {
			total = max(left, leastTime)
		}
	}
	return withOptions(ctx, o, total, s.on, s.key, s.title)
}

// withOptions is the only place where activity options are built. An activity
// under cancellation is waited for, so that nothing is undone while it is still
// being done.
func withOptions(ctx workflow.Context, o options, total time.Duration, on, id, summary string) workflow.Context {
	retry := o.Retry
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:             id,
		TaskQueue:              on,
		Summary:                summary,
		StartToCloseTimeout:    o.StartToClose,
		ScheduleToCloseTimeout: total,
		HeartbeatTimeout:       o.Heartbeat,
		WaitForCancellation:    true,
		RetryPolicy:            &retry,
	})
}

// childContext returns ctx with the options of a child workflow. A child is a
// runbook of its own and has no timeout: it asks when it needs to.
func (rb *Run) childContext(ctx workflow.Context, s step) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            rb.id.WorkflowID + "/" + s.key,
		TaskQueue:             s.on,
		StaticSummary:         s.title,
		WaitForCancellation:   true,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		RetryPolicy:           &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// landed takes f off the list of what is in flight.
func (rb *Run) landed(f *inFlight) {
	rb.running = slices.DeleteFunc(rb.running, func(other *inFlight) bool { return other == f })
}

// workflowName returns the name under which a workflow function is registered
// by default: its own.
func workflowName(fn any) string {
	full := runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).Name()
	return strings.TrimSuffix(full[strings.LastIndex(full, ".")+1:], "-fm")
}

// reportOf returns the index of the report of s, which is new unless an earlier
// run of this chain began it.
func (rb *Run) reportOf(s step) int {
	for i, r := range rb.book.Steps {
		if r.Key == s.key {
			return i
		}
	}
	rb.book.Steps = append(rb.book.Steps, StepReport{
		Key: s.key, Title: s.title, Phase: rb.phaseName(), Activity: s.activity, Class: s.class, On: s.on, Started: rb.Now(),
	})
	return len(rb.book.Steps) - 1
}
