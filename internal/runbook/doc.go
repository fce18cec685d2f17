// Package runbook is the workflow-side kit: phases with budgets, typed steps,
// gates, undo, timeline and status. It is the only package that calls
// workflow.ExecuteActivity and workflow.ExecuteChildWorkflow, so every effect of
// every runbook goes through the same rules, and a workflow file reads as the
// runbook a person would follow:
//
//	rb, err := runbook.Open(ctx, spec)
//	if err != nil {
//		return Result{}, err
//	}
//	result, err := follow(rb, in)
//	result.Summary, err = rb.Close(err)
//	return result, err
//
//	func follow(rb *runbook.Run, in Input) (Result, error) {
//		if err := rb.Enter("assessment"); err != nil { ... }
//		extent, err := runbook.Do(rb, "Assess the extent", postgres.Ref.Extent, q, runbook.Probe, runbook.On(host))
//		if err := rb.Declare(); err != nil { ... }
//		err = runbook.Undo(rb, "Resume application writes", postgres.Ref.LiftFence, f, runbook.On(host))
//		fence, err := runbook.Do(rb, "Stop application writes", postgres.Ref.Fence, f, runbook.Mutate, runbook.Required, runbook.On(host))
//		if err := rb.Gate("restore", choice); err != nil { ... }
//
// # Promises
//
//  1. Nothing changes before a signed declaration: a step of class Mutate,
//     Transfer or Irreversible before Declare is an Internal error, not an effect.
//  2. Compensation before danger: Undo mirrors its record in the stores before it
//     returns. Whatever was not committed when Close is reached (error, cancel,
//     abort, rollback, or success that forgot) is undone, last first, on a
//     disconnected context; errors are joined, never overwritten.
//  3. A step that failed for good pauses the run and asks retry, skip or abort.
//     A phase that runs out of budget is a breach: recorded, escalated and asked;
//     a step of class Transfer goes on meanwhile.
//  4. Messages are judged here and nowhere else, whether they came as signal or
//     update, by CLI, Web UI or raw `temporal workflow signal`. Refusals are on the
//     timeline, with class and reason, up to a cap per sender; then only counted.
//  5. Everything that happens is an entry of a hash-chained timeline, paged to the
//     stores; each phase's head is written to a locked object.
//
// # Continue-as-new
//
// Enter, Gate and the other waits continue the workflow as new when the server
// suggests it: they return the error that Spec.Continue made, and the workflow
// returns it through Close. The new run executes the same function from the
// top; phases entered, gates passed and steps done are known from Carried and
// return what they returned, without any effect. Between two calls of the kit a
// workflow must therefore do nothing but pure computation.
//
// # Human wait
//
// A phase's clock stands still while the run waits for people (gates, failed
// steps, pauses). The RTO's clock does not: waits are reported apart.
package runbook
