package pg_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// What is done soon is seen soon; what takes long is not asked for in haste.
func TestPollLooksLessAndLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, looks := time.Now(), []time.Duration{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := pg.Poll(ctx, "nothing", 160*time.Millisecond, func(context.Context) (bool, error) {
			looks = append(looks, time.Since(begun).Truncate(time.Millisecond))
			return false, nil
		})
		if !failure.Is(err, failure.Unavailable) {
			t.Fatal(err)
		}
		const ms = time.Millisecond
		want := []time.Duration{0, 10 * ms, 30 * ms, 70 * ms, 150 * ms, 310 * ms, 470 * ms, 630 * ms, 790 * ms, 950 * ms}
		if len(looks) != len(want) {
			t.Fatalf("looked at %v", looks)
		}
		for i := range want {
			if looks[i] != want[i] {
				t.Errorf("look %d after %s, want %s", i, looks[i], want[i])
			}
		}
	})
}
