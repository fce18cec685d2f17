package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// Run is one runbook being followed. A Run belongs to one coroutine; Go and the
// kit itself fork it where several are at work.
type Run struct {
	ctx   workflow.Context
	quiet bool // a fork that tells people: its steps are advisory and ask nobody
	*state
}

// state is shared by all forks of a Run. Workflow coroutines take turns, so it
// needs no lock.
type state struct {
	spec   Spec
	id     stored.Run
	book   *Carried
	chain  *evidence.Chain
	recent []evidence.Entry // the newest entries, for the timeline query
	slugs  map[string]int   // how often a title was used, for step keys
	shown  attributes       // search attributes as last written

	headKept   stored.Where // which stores locked the head at the end of the last phase
	running    []*inFlight  // steps whose activity is at work
	background int          // coroutines of Go and notices at work
	waiting    int          // waits for people at this moment
	waitFrom   time.Time    // since when waiting > 0
	stayUntil  time.Time    // no continue-as-new before
	clockTick  int          // changes whenever a phase's deadline does
	onCommit   []func(*Run) // what is called once the cut-over is committed
	deciding   bool         // nothing is left but the decision about a cut-over
	closed     bool         // Close was called
	ended      bool         // and is done
}

// inFlight is a step whose activity is at work.
type inFlight struct{ cancel workflow.CancelFunc }

// Open validates spec, registers every message and query, and starts the
// timeline. It must be the first thing a workflow does, and Close the last.
// Errors are failure.InvalidInput, and failure.Refused for an automatic run that
// comes too soon: that one is closed already.
func Open(ctx workflow.Context, spec Spec) (*Run, error) {
	if spec.Mode == "" {
		spec.Mode = Attended
	}
	if err := spec.validate(ctx); err != nil {
		return nil, outward(err)
	}
	rb := &Run{ctx: ctx, state: newState(ctx, spec)}
	rb.chain = evidence.Resume(rb.book.Head)
	if shieldsCutOver(ctx) {
		rb.shield(ctx)
	}
	if err := rb.registerQueries(); err != nil {
		return nil, err
	}
	if err := rb.registerMessages(); err != nil {
		return nil, err
	}
	if rb.book.Continued == 0 {
		rb.begin()
	}
	rb.startWatches()
	rb.show()
	if err := rb.admit(); err != nil {
		_, err = rb.Close(err)
		return nil, err
	}
	return rb, nil
}

func newState(ctx workflow.Context, spec Spec) *state {
	info := workflow.GetInfo(ctx)
	first := info.FirstRunID
	if first == "" { // the SDK's test environment leaves it out of a first run
		first = info.WorkflowExecution.RunID
	}
	s := &state{
		spec:  spec,
		id:    stored.Run{WorkflowID: info.WorkflowExecution.ID, FirstRunID: first},
		book:  spec.Carried,
		slugs: map[string]int{},
	}
	if s.book == nil {
		chain := s.id.WorkflowID + "/" + s.id.FirstRunID
		s.book = &Carried{Head: evidence.Genesis(chain), StartedAt: workflow.Now(ctx), Target: spec.Target}
	}
	return s
}

// begin records what this run is about.
func (rb *Run) begin() {
	rb.record(evidence.Entry{
		Kind: evidence.RunStarted, Title: rb.spec.Plan.Runbook.Title, Actor: rb.spec.Requester, Target: rb.book.Target,
		Data: []evidence.Pair{
			{Key: "incident", Value: rb.spec.Incident},
			{Key: "service", Value: rb.spec.Plan.Service.Name},
			{Key: "mode", Value: string(rb.spec.Mode)},
			{Key: "plan_hash", Value: string(rb.spec.Plan.PlanHash)},
			{Key: "workflow_id", Value: rb.id.WorkflowID},
			{Key: "first_run_id", Value: rb.id.FirstRunID},
		},
	})
}

// startWatches starts what goes on beside the steps.
func (rb *Run) startWatches() {
	workflow.GoNamed(rb.ctx, "budget", func(ctx workflow.Context) { rb.fork(ctx).watchBudget() })
	workflow.GoNamed(rb.ctx, "lease", func(ctx workflow.Context) { rb.fork(ctx).keepLease() })
}

// fork returns rb for use in another coroutine.
func (rb *Run) fork(ctx workflow.Context) *Run {
	return &Run{ctx: ctx, quiet: rb.quiet, state: rb.state}
}

// holder is this run as the holder of a lease.
func (rb *Run) holder() string { return rb.id.WorkflowID + "/" + rb.id.FirstRunID }

// Now returns the workflow's time, in UTC.
func (rb *Run) Now() time.Time { return workflow.Now(rb.ctx).UTC() }

// SetTarget names the identity of what will be changed (host, system
// identifier), as soon as a probe has found it. Approvals are bound to it.
func (rb *Run) SetTarget(identity string) { rb.book.Target = identity }

// Sleep waits without doing anything. It is machine time.
func (rb *Run) Sleep(d time.Duration) error { return workflow.Sleep(rb.ctx, d) }

// Lease returns the lease the run holds; the zero value before Declare.
// Activities that change things take its Token as fencing token.
func (rb *Run) Lease() stored.Lease { return rb.book.Lease }
