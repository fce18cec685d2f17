package guard_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// commit tells the host that the story's cut-over is kept.
func (b *bench) commit(check error) (guard.Commit, error) {
	b.t.Helper()
	w := b.story.Warrant(b.t)
	return b.guard.Commit(b.t.Context(), &w, b.need(), guard.Commit{Replaced: "old", Kept: "new"}, func() error { return check })
}

// TestNothingAfterACommit: what was committed is neither undone nor done again, by
// whoever shows what people signed, by a process that was just started, or by hand. The
// next run is another one.
func TestNothingAfterACommit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.admit(undo))
	_, err := b.commit(nil)
	requireClass(t, failure.Forbidden, err) // nobody decided so
	require.NoError(t, b.admit(undo))

	b.story.Committer = "ann"
	elsewhere := failure.New(failure.IdentityMismatch, "another cluster serves").WithHint("starter status")
	_, err = b.commit(elsewhere)
	requireClass(t, failure.IdentityMismatch, err)
	require.NoError(t, b.admit(undo), "nothing was written down")

	b.story.Issued = time.Now().Add(-3 * time.Hour) // a worker that was away for long is told late
	first, err := b.commit(nil)
	require.NoError(t, err)
	require.Equal(t, "old", first.Replaced)
	again, err := b.commit(elsewhere)
	require.NoError(t, err)
	require.Equal(t, first, again, "the first record stays")

	b.guard = guard.Guard{Plan: b.guard.Plan, Dir: b.guard.Dir, Leases: b.guard.Leases}
	for range 2 {
		err := b.admit(undo)
		requireClass(t, failure.Unsafe, err)
		require.ErrorContains(t, err, "was committed")
	}
	requireClass(t, failure.Unsafe, b.admit(nil))
	_, err = b.guard.Admit(guard.ByHand(t.Context(), "undo by hand", 9), nil, b.need())
	requireClass(t, failure.Unsafe, err)

	b.stores.take("house", "recover/house/run-2", 8)
	b.story.Issued = time.Now()
	require.NoError(t, b.as("recover/house/run-2", 8).admit(nil))

	records, err := filepath.Glob(filepath.Join(b.guard.Dir, "lease", "house.commit-*.json"))
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.NoError(t, os.WriteFile(records[0], nil, 0o600))
	require.Equal(t, failure.Corrupt, failure.ClassOf(b.admit(undo)), "a host that forgets would undo what was kept")
	require.NoError(t, os.Remove(records[0]))
	require.ErrorContains(t, b.admit(undo), "passed on", "a person on the host may allow it; the newer lease is another matter")
}
