package runbook

import (
	"time"

	"go.temporal.io/sdk/temporal"
)

// Class says how a step behaves, and so how long it may take, how it is retried
// and what must have happened before it may run.
type Class string

// The classes. Their options are in the table below.
const (
	// Probe looks and changes nothing. Safe at any time.
	Probe Class = "probe"
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
	Heartbeat    time.Duration // silence after which an attempt is given up; 0: does not heartbeat
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
// which crosses the activity boundary as non-retryable.
func table(c Class) (options, bool) {
	switch c {
	case Probe:
		// A look answers within minutes or is asked again; heartbeats show that a
		// long look (amcheck of a large table) is alive.
		return options{StartToClose: 15 * time.Minute, Heartbeat: 30 * time.Second, ByClock: true, Retry: retry(4)}, true
	case Glance:
		return options{StartToClose: 30 * time.Second, Total: time.Minute, Retry: retry(3)}, true
	case Announce:
		// Short, and never worth holding up a recovery for.
		return options{StartToClose: time.Minute, Total: 5 * time.Minute, Retry: retry(5)}, true
	case Mutate:
		return options{StartToClose: 10 * time.Minute, Heartbeat: 30 * time.Second, ByClock: true, Retry: retry(4), Declared: true}, true
	case Transfer:
		// A day per attempt: the largest databases restore in hours. Silence, not
		// slowness, ends an attempt; the next one resumes from its heartbeat.
		return options{StartToClose: 24 * time.Hour, Heartbeat: time.Minute, Total: 72 * time.Hour, Retry: retry(20), Declared: true}, true
	case Irreversible:
		return options{StartToClose: 30 * time.Minute, Heartbeat: 30 * time.Second, ByClock: true, Retry: retry(1), Declared: true}, true
	}
	return options{}, false
}

// undoTable is for compensation: long-suffering, because what is not undone
// stays broken, but bounded, because somebody must learn of it.
func undoTable() options {
	return options{StartToClose: 10 * time.Minute, Heartbeat: 30 * time.Second, Total: 30 * time.Minute, Retry: retry(10)}
}

// retry waits 1 s, 2 s, 4 s … at most 30 s between attempts.
func retry(attempts int32) temporal.RetryPolicy {
	return temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		MaximumAttempts: attempts,
	}
}
