package guard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

func undo(n *warrant.Need) { n.Undo = true }

// TestTokensNobodyTook: whoever may order work sends what a run signed with a token of
// their own making. Nothing is done, and the host remembers nothing of it: the run that
// holds the lease goes on.
func TestTokensNobodyTook(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.admit(nil))
	for _, token := range []uint64{8, 1 << 63} {
		err := b.as("recover/house/run-1", token).admit(undo)
		requireClass(t, failure.Unsafe, err)
		require.ErrorContains(t, err, "nobody took it")
	}
	b.stores.take("house", "recover/house/run-2", 8)
	for _, token := range []uint64{8, 9} {
		requireClass(t, failure.Unsafe, b.as("recover/house/run-1", token).admit(undo))
	}
	require.NoError(t, b.as("recover/house/run-2", 8).admit(nil), "later runs are not shut out")
}

// TestEndedRunGetsNoOtherLease: the activity that takes leases is ordered as any other
// is, in the name of a run that ended.
func TestEndedRunGetsNoOtherLease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.admit(nil))
	b.stores.records["house"][0].Released = time.Now()
	requireClass(t, failure.Unsafe, b.admit(undo))
	b.stores.take("house", b.story.Run, 8)
	err := b.as(b.story.Run, 8).admit(undo)
	requireClass(t, failure.Unsafe, err)
	require.ErrorContains(t, err, "gave the lease back")
}

// TestStoresAreSilent: what they vouched for may be taken back without them, and
// nothing else is done.
func TestStoresAreSilent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.stores.silent = true
	requireClass(t, failure.Unavailable, b.admit(nil))
	requireClass(t, failure.Unavailable, b.admit(undo)) // they never vouched for it here
	b.stores.silent = false
	require.NoError(t, b.admit(nil))
	b.stores.silent = true
	requireClass(t, failure.Unavailable, b.admit(nil))
	require.NoError(t, b.admit(undo))
	requireClass(t, failure.Unavailable, b.as("recover/house/run-1", 8).admit(undo))

	other := newBench(t)
	other.guard.Leases = nil
	requireClass(t, failure.Unavailable, other.admit(nil))
	require.NoError(t, other.as("recover/house/run-1", 0).admit(nil), "no store took the lease, and a person let the run go on")
	release, err := other.guard.Admit(guard.ByHand(t.Context(), "undo by hand", 8), nil, other.need())
	require.NoError(t, err, "by hand they are not asked")
	release()
}

// TestRunWithoutALease goes on while nobody else's is known.
func TestRunWithoutALease(t *testing.T) {
	t.Parallel()
	b := newBench(t).as("recover/house/run-2", 0)
	requireClass(t, failure.Unsafe, b.admit(nil))
	b.stores.records["house"][0].Released = time.Now()
	require.NoError(t, b.admit(nil))
}
