package runbook

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// Class says how a step behaves, and so how long it may take, how it is retried
// and what must have happened before it may run.
type Class string

// The classes. Their options are in the table below.
const (
	// Probe looks and changes nothing. Safe at any time.
	Probe Class = "probe"
	// Scan reads much for long and changes nothing: every page, every table, the
	// log. Safe at any time. Never killed by the phase's clock.
	Scan Class = "scan"
	// Glance looks at what the run can go on without. Where nobody answers within
	// a minute, as on a host that is gone, the answer is unknown. Safe at any time.
	Glance Class = "glance"
	// Announce tells people or records something; it changes no service. Safe at
	// any time.
	Announce Class = "announce"
	// Mutate changes something that an undo can change back. Needs a declaration.
	Mutate Class = "mutate"
	// Transfer moves much data for long: restore, replay, backup. Needs a
	// declaration. Never killed by the phase's clock.
	Transfer Class = "transfer"
	// Irreversible changes something for good. Needs a declaration. Tried once:
	// when its outcome is unknown people decide, not a retry policy.
	Irreversible Class = "irreversible"
)

// options are the timeouts and retries of one class.
type options struct {
	StartToClose time.Duration // one attempt
	// Heartbeat is the silence after which an attempt is given up and tried again.
	// Workers beat for every activity (package pulse), so silence means that the
	// worker is dead or cut off. One that hangs goes on beating: StartToClose ends it.
	Heartbeat time.Duration
	// ByClock: the attempts together may take what is left of the phase, no more.
	ByClock bool
	// Total bounds the attempts together where the phase's clock does not.
	Total time.Duration
	Retry temporal.RetryPolicy
	// Declared: may run only after a declaration, under the lease.
	Declared bool
}

// table is the one place where timeouts and retries are written. Whether an
// error is retried at all is decided by its failure class (failure.Retryable),
// which crosses the activity boundary as non-retryable. A dead worker is noticed
// after the same silence in every class: plan.DefaultNotice, unless the plan says
// otherwise (Run.table).
func table(c Class) (options, bool) {
	o := options{Heartbeat: plan.DefaultNotice}
	switch c {
	case Probe:
		// A look answers within minutes or is asked again.
		o.StartToClose, o.ByClock, o.Retry = 15*time.Minute, true, retry(4)
	case Scan:
		// Terabytes are read in hours. Silence, not slowness, ends an attempt; the
		// phase that runs out meanwhile is put to people.
		o.StartToClose, o.Total, o.Retry = 24*time.Hour, 72*time.Hour, retry(20)
	case Glance:
		o.StartToClose, o.Total, o.Retry = 30*time.Second, time.Minute, retry(3)
	case Announce:
		// Short, and never worth holding up a recovery for.
		o.StartToClose, o.Total, o.Retry = time.Minute, 5*time.Minute, retry(5)
	case Mutate:
		o.StartToClose, o.ByClock, o.Retry, o.Declared = 10*time.Minute, true, retry(4), true
	case Transfer:
		// A day per attempt: the largest databases restore in hours. Silence, not
		// slowness, ends an attempt; the next one resumes from what is on disk.
		o.StartToClose, o.Total, o.Retry, o.Declared = 24*time.Hour, 72*time.Hour, retry(20), true
	case Irreversible:
		o.StartToClose, o.ByClock, o.Retry, o.Declared = 30*time.Minute, true, retry(1), true
	default:
		return options{}, false
	}
	return o, true
}

// undoTable is for compensation: long-suffering, because what is not undone
// stays broken, but bounded, because somebody must learn of it.
func undoTable() options {
	return options{StartToClose: 10 * time.Minute, Heartbeat: plan.DefaultNotice, Total: 30 * time.Minute, Retry: retry(10)}
}

// table returns the options of class c under this run's plan; mayRun has refused
// a class that is none.
func (s *state) table(c Class) options {
	o, _ := table(c)
	return s.noticing(o)
}

// noticing gives o the silence after which the plan counts a worker as dead.
func (s *state) noticing(o options) options {
	if notice := s.spec.Plan.Runbook.NoticeDeadWorker.Std(); notice > 0 {
		o.Heartbeat = notice
	}
	return o
}

// retry waits 1 s, 2 s, 4 s … at most 30 s between attempts.
func retry(attempts int32) temporal.RetryPolicy {
	return temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		MaximumAttempts: attempts,
	}
}
