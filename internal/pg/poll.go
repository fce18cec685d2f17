package pg

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Poll calls look every interval until it says done, fails, or ctx ends; then
// the error is Unavailable and says what was awaited.
func Poll(ctx context.Context, what string, interval time.Duration, look func(context.Context) (done bool, err error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		done, err := look(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return failure.Wrap(failure.Unavailable, ctx.Err(), "wait for %s", what)
		case <-ticker.C:
		}
	}
}
