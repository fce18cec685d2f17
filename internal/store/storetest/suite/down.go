package suite

import (
	"context"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// WaitedForOnce requires of a store whose server is down that its first requests are
// repeated for some time, and those after them are not: ten of them take no second.
func WaitedForOnce(t *testing.T, down store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ask := func() (took time.Duration) {
		t.Helper()
		begun := time.Now()
		if _, err := down.Stat(ctx, "a", ""); !failure.Is(err, failure.Unavailable) {
			t.Fatalf("class %s: %v", failure.ClassOf(err), err)
		}
		return time.Since(begun)
	}
	if first := ask(); first < 200*time.Millisecond {
		t.Errorf("the first request was given up after %s", first)
	}
	for known := false; !known; {
		known = ask() < 100*time.Millisecond
	}
	begun := time.Now()
	for range 10 {
		ask()
	}
	if took := time.Since(begun); took > time.Second || ctx.Err() != nil {
		t.Errorf("ten requests to a server that is known to be down took %s", took)
	}
}
