package evidence_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// TestYieldedTokenStaysAFence: a token that was yielded is no proof that nobody acted
// under it. Its holder may have been granted it before, and yielded only when the call
// that took it ran twice, after the holder before had renewed too late. Who has a lower
// token stays out all the same.
func TestYieldedTokenStaysAFence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	a := &stored.Activities{Stores: []store.Store{memory.New("one", clock), memory.New("two", clock)}}
	before, err := acquire(t.Context(), a, "run a", time.Minute)
	require.NoError(t, err)
	now = now.Add(2 * time.Minute)
	after, err := acquire(t.Context(), a, "run b", time.Hour)
	require.NoError(t, err, "run b may act from now on")
	for number := 1; number <= 2; number++ {
		_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: before, Number: number})
		require.Equal(t, failure.Unsafe, classOf(err), "renewal %d", number)
		require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run a", before.Token)))
		if number == 1 {
			_, err = acquire(t.Context(), a, "run b", time.Hour)
			require.Equal(t, failure.Refused, classOf(err), "it yields token %d", after.Token)
		}
	}
}
