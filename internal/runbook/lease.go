package runbook

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

const (
	// leaseTTL is how long a run that died keeps others out, unless a person
	// takes over.
	leaseTTL = 15 * time.Minute
	// leaseRenewal leaves two more tries before the lease ends.
	leaseRenewal = 5 * time.Minute
)

// takeLease takes the service's lease as a step. When too few stores answer, the
// step fails, and a person may skip it: the run then takes the lease in those
// stores that answer, on that person's word, and the timeline says so. If none
// does it acts without. The token is higher than any that a host named which was asked
// for its clock: stores that were down when that was taken do not know it.
func (rb *Run) takeLease() error {
	in := stored.AcquireIn{Service: rb.leaseName(), Holder: rb.holder(), TTL: leaseTTL, Obeyed: rb.book.Obeyed}
	known := rb.book.Lease.Token != 0
	lease, err := Do(rb, "Take the lease on "+in.Service, stored.Ref.AcquireLease, in, Announce)
	if err != nil || known {
		return err
	}
	if lease.Token == 0 { // skipped
		in.Partial = true
		if lease, err = Do(rb, "Take a partial lease on "+in.Service, stored.Ref.AcquireLease, in, Announce, Advisory()); err != nil {
			return rb.withoutLease(err)
		}
	}
	rb.book.Lease = lease
	rb.record(evidence.Entry{
		Kind: evidence.LeaseTaken, Title: "Lease on " + in.Service,
		Data: []evidence.Pair{{Key: "token", Value: decimal(int(lease.Token))}, {Key: "expires", Value: lease.Expires.UTC().Format(time.RFC3339)}},
	})
	return nil
}

// withoutLease goes on without a lease, on the word of the person who skipped
// the step that takes it. Somebody else's lease is no word to go against.
func (rb *Run) withoutLease(cause error) error {
	if temporal.IsCanceledError(cause) || failure.Is(cause, failure.Refused) {
		return cause
	}
	rb.finding("the run acts without a lease: " + cause.Error())
	return nil
}

// leaseName keeps a drill from holding up a real recovery: drills have a lease
// of their own. No service's name holds a slash.
func (rb *Run) leaseName() string {
	if rb.spec.Mode == Drill {
		return "drill/" + rb.spec.Plan.Service.Name
	}
	return rb.spec.Plan.Service.Name
}

// keepLease renews the lease beside the run. A lease that another holder took
// stops every further change; one that cannot be renewed is tried again.
func (rb *Run) keepLease() {
	held := func() bool { return rb.book.Lease.Token != 0 || rb.closed }
	if workflow.Await(rb.ctx, held) != nil {
		return
	}
	for !rb.closed && rb.book.LeaseLost == "" {
		if _, err := workflow.AwaitWithTimeout(rb.ctx, leaseRenewal, func() bool { return rb.closed }); err != nil || rb.closed {
			return
		}
		rb.renewLease()
	}
}

func (rb *Run) renewLease() {
	rb.book.Renewals++
	in := stored.RenewIn{Lease: rb.book.Lease, Number: rb.book.Renewals}
	var renewed stored.Lease
	err := rb.store("Renew the lease", ActivityName(stored.Ref.RenewLease), in, &renewed)
	switch {
	case err == nil:
		rb.book.Lease = renewed
	case failure.Is(err, failure.Refused), failure.Is(err, failure.Unsafe):
		rb.book.LeaseLost = err.Error()
		rb.record(evidence.Entry{Kind: evidence.LeaseLost, Title: "Lease on " + in.Lease.Service, Detail: err.Error()})
		rb.show()
	default:
		rb.finding("the lease could not be renewed: " + err.Error())
	}
}

// releaseLease gives the lease back. If that fails it ends by itself.
func (rb *Run) releaseLease() {
	if rb.book.Lease.Token == 0 || rb.book.LeaseLost != "" {
		return
	}
	if err := rb.store("Release the lease", ActivityName(stored.Ref.ReleaseLease), rb.book.Lease, nil); err != nil {
		rb.finding("the lease was not released and ends by itself: " + err.Error())
		return
	}
	rb.record(evidence.Entry{Kind: evidence.LeaseReleased, Title: "Lease on " + rb.book.Lease.Service})
}
