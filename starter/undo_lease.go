package main

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// undoTTL is how long an undo by hand keeps runs out, should it die.
const undoTTL = time.Hour

// holder is this undo as the holder of a lease: the same when it is tried again.
func (u undoing) holder(run evidence.Run) string {
	return "undo by hand on " + u.host.name + " of " + run.WorkflowID + "/" + run.FirstRunID
}

// hold takes the lease under which this undo acts, so that no run acts meanwhile and
// hosts refuse whoever held it before. Forced, it takes it from whoever has it.
func (u undoing) hold(ctx context.Context, stores []store.Store, out pendingUndos) (lease evidence.Lease, release func() error, err error) {
	in := evidence.AcquireIn{Service: u.leaseName(), Holder: u.holder(out.Run), TTL: undoTTL}
	if in.Obeyed, err = (guard.Guard{Dir: u.stateDir}).Newest(in.Service); err != nil {
		return lease, nil, err
	}
	a := &evidence.Activities{Stores: stores}
	if u.force && !out.Lease.Free {
		lease, err = evidence.TakeOver(ctx, stores, in)
	} else {
		lease, err = a.AcquireLease(ctx, in)
	}
	if err != nil {
		return lease, nil, failure.Wrap(failure.ClassOf(err), err, "take the lease on %s", in.Service)
	}
	return lease, func() error {
		_, err := a.ReleaseLease(context.WithoutCancel(ctx), lease)
		return failure.Wrap(failure.ClassOf(err), err, "give the lease on %s back", in.Service)
	}, nil
}
