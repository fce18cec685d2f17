package main

import (
	"context"

	sdkworker "go.temporal.io/sdk/worker"
)

// registrations is what this process offers, by kind of task queue. It is empty
// until workflows and activities are listed here: a worker that offers nothing
// answers nothing.
type registrations struct {
	every   []func(sdkworker.Registry) // on each queue
	control []func(sdkworker.Registry) // on the control queue only
}

// wire is the composition root: the one place where stores, keys, adapters and
// activities are put together.
func wire(_ context.Context, _ served) (registrations, error) { return registrations{}, nil }

// on registers on poller what belongs on queue.
func (r registrations) on(queue string, poller sdkworker.Registry) {
	for _, register := range r.every {
		register(poller)
	}
	if queue != controlQueue {
		return
	}
	for _, register := range r.control {
		register(poller)
	}
}
