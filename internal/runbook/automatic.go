package runbook

import (
	"github.com/terragonlabs/holdfast/internal/failure"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// admit refuses a run that monitoring or a schedule started within the plan's
// minimum interval of the one before on the same service: something that
// starts runs in a loop must not keep a service in recovery.
//
// What holds the interval is a claim in the stores, by the rule of leases and by
// the stores' clocks: it lasts for the interval, is never given back, and outlives
// workers, histories and Temporal itself. When too few stores answer nobody knows
// when the last one was, and the run is refused.
func (rb *Run) admit() error {
	interval := rb.spec.Plan.Runbook.MinInterval.Std()
	if !rb.spec.Automatic || interval <= 0 {
		return nil
	}
	service := rb.leaseName()
	in := stored.AcquireIn{Service: "automatic/" + service, Holder: rb.holder(), TTL: interval}
	_, err := Do(rb, "Keep the minimum interval between automatic runs", stored.Ref.AcquireLease, in, Announce, Advisory())
	if !failure.Is(err, failure.Refused) {
		return err
	}
	return failure.New(failure.Refused, "another automatic run on %s began less than %s ago (%s)", service, interval, err).
		WithHint("a person may start it at once: starter run %s --service %s … --requester PERSON", rb.spec.Plan.Runbook.Scenario, service)
}
