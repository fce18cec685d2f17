package pg

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// quickLooks is how many times shorter the first interval of Poll is than the
// longest: most of what is awaited takes less than that.
const quickLooks = 16

// Poll calls look, at once and then after pauses that double up to interval, until
// it says done, fails, or ctx ends; then the error is Unavailable and says what was
// awaited.
func Poll(ctx context.Context, what string, interval time.Duration, look func(context.Context) (done bool, err error)) error {
	pause := interval / quickLooks
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		done, err := look(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return failure.Wrap(failure.Unavailable, ctx.Err(), "wait for %s", what)
		case <-timer.C:
		}
		pause = min(2*pause, interval)
		timer.Reset(pause)
	}
}
