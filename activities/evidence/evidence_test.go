package evidence_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

var run = stored.Run{WorkflowID: "recover/../db", FirstRunID: "run 1"}

func open(t *testing.T, name string) *file.Store {
	t.Helper()
	s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func two(t *testing.T) *stored.Activities {
	t.Helper()
	return &stored.Activities{Stores: []store.Store{open(t, "one"), open(t, "two")}}
}

// gone is a store whose provider does not answer: its directory was closed.
func gone(t *testing.T) store.Store {
	t.Helper()
	s, err := file.Open(file.Config{Name: "gone", Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return s
}

func classOf(err error) failure.Class { return failure.ClassOf(boundary.In(err)) }

func page(titles ...string) (evidence.Page, evidence.Head) {
	chain := evidence.New("chain")
	for _, title := range titles {
		chain.Append(evidence.Entry{Kind: evidence.Note, Title: title, At: time.Unix(1, 0)})
	}
	return chain.Cut(), chain.Head()
}

func TestPageTwiceIsOnce(t *testing.T) {
	t.Parallel()
	a := two(t)
	p, head := page("one", "two")
	for range 2 {
		where, err := a.PutPage(t.Context(), stored.PageIn{Run: run, Page: p})
		require.NoError(t, err)
		require.Equal(t, []string{"one", "two"}, where.Stores)
		_, err = a.PutHead(t.Context(), stored.HeadIn{Run: run, Phase: "a/b", Head: head})
		require.NoError(t, err)
	}
	other, _ := page("one", "three")
	_, err := a.PutPage(t.Context(), stored.PageIn{Run: run, Page: other})
	require.Equal(t, failure.Exists, classOf(err), "history is not rewritten")
	p.Entries[0].Title = "altered"
	_, err = a.PutPage(t.Context(), stored.PageIn{Run: run, Page: p})
	require.Equal(t, failure.Corrupt, classOf(err))
}

func TestOneStoreIsEnoughForTheRecord(t *testing.T) {
	t.Parallel()
	a := &stored.Activities{Stores: []store.Store{gone(t), open(t, "two")}}
	p, _ := page("one")
	where, err := a.PutPage(t.Context(), stored.PageIn{Run: run, Page: p})
	require.NoError(t, err)
	require.Equal(t, []string{"two"}, where.Stores)
	require.Equal(t, []string{"gone"}, where.Missing)
	a.Stores = []store.Store{gone(t)}
	_, err = a.PutPage(t.Context(), stored.PageIn{Run: run, Page: p})
	require.Error(t, err)
}

func undo(number int) stored.UndoIn {
	return stored.UndoIn{Run: run, Undo: stored.UndoRecord{
		Number: number, Title: "open", Activity: "door.Open", TaskQueue: "host.a", Input: json.RawMessage(`{"A":1}`), At: time.Unix(1, 0).UTC(),
	}}
}

// TestPendingUndosNeedNoTemporal is what `starter undo` stands on.
func TestPendingUndosNeedNoTemporal(t *testing.T) {
	t.Parallel()
	a := two(t)
	for number := 1; number <= 3; number++ {
		_, err := a.RecordUndo(t.Context(), undo(number))
		require.NoError(t, err)
	}
	only := &stored.Activities{Stores: a.Stores[1:]} // one store hears of the outcome
	_, err := only.RecordUndone(t.Context(), stored.UndoneIn{Run: run, Number: 2, Outcome: stored.Undone, At: time.Unix(2, 0)})
	require.NoError(t, err)
	pending, err := stored.Pending(t.Context(), a.Stores, run)
	require.NoError(t, err)
	require.Equal(t, []stored.UndoRecord{undo(3).Undo, undo(1).Undo}, pending, "last first")
	pending, err = stored.Pending(t.Context(), []store.Store{gone(t), a.Stores[0]}, run)
	require.Error(t, err, "a silent store is named")
	require.Len(t, pending, 3, "store one alone never heard of the outcome")
}

func acquire(ctx context.Context, a *stored.Activities, holder string, ttl time.Duration) (stored.Lease, error) {
	return a.AcquireLease(ctx, stored.AcquireIn{Service: "db", Holder: holder, TTL: ttl})
}

// keeper is a store whose credentials may not delete.
type keeper struct{ store.Store }

func (k keeper) Delete(_ context.Context, key, _ string) error {
	return failure.New(failure.Forbidden, "these credentials may not delete %s", key)
}

// TestLeaseNeedsNoRightToDelete, neither to be taken nor to be looked at.
func TestLeaseNeedsNoRightToDelete(t *testing.T) {
	t.Parallel()
	a := two(t)
	for i, s := range a.Stores {
		a.Stores[i] = keeper{s}
	}
	_, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	_, err = acquire(t.Context(), a, "run b", time.Hour)
	require.Equal(t, failure.Refused, classOf(err))
	for _, view := range stored.Survey(t.Context(), a.Stores, "db") {
		require.True(t, view.Readable)
		require.Len(t, view.Records, 1)
	}
}

func TestLease(t *testing.T) {
	t.Parallel()
	a := two(t)
	first, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	require.Equal(t, uint64(1), first.Token)
	again, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	require.Equal(t, first, again, "running twice")
	for object, err := range a.Stores[0].List(t.Context(), "v1/clock/", store.ListOptions{}) {
		require.NoError(t, err)
		t.Errorf("%s is left although it may be deleted", object.Key)
	}
	_, err = acquire(t.Context(), a, "run b", time.Hour)
	require.Equal(t, failure.Refused, classOf(err))
	renewed, err := a.RenewLease(t.Context(), stored.RenewIn{Lease: first, Number: 1})
	require.NoError(t, err)
	require.False(t, renewed.Expires.Before(first.Expires))
	_, err = a.ReleaseLease(t.Context(), renewed)
	require.NoError(t, err)
	second, err := acquire(t.Context(), a, "run b", time.Hour)
	require.NoError(t, err)
	require.Equal(t, uint64(2), second.Token)
	_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: first, Number: 2})
	require.Equal(t, failure.Unsafe, classOf(err), "the fence: a higher token was seen")
}

// TestLeaseTakenOver: after a person took the lease from a run that is gone and gave
// it back, the next one gets it, although the run had renewed it for hours; and that
// run, should it live, may not act.
func TestLeaseTakenOver(t *testing.T) {
	t.Parallel()
	a := two(t)
	gone, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	byHand, err := stored.TakeOver(t.Context(), a.Stores, stored.AcquireIn{Service: "db", Holder: "by hand", TTL: time.Hour})
	require.NoError(t, err)
	require.Equal(t, uint64(2), byHand.Token)
	_, err = acquire(t.Context(), a, "run b", time.Hour)
	require.Equal(t, failure.Refused, classOf(err), "while it is held by hand")
	_, err = a.ReleaseLease(t.Context(), byHand)
	require.NoError(t, err)
	_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: gone, Number: 1})
	require.Equal(t, failure.Unsafe, classOf(err), "it was taken over")
	next, err := acquire(t.Context(), a, "run b", time.Hour)
	require.NoError(t, err)
	require.Equal(t, uint64(3), next.Token)
}

func TestLeaseEndsByTheStoresClock(t *testing.T) {
	t.Parallel()
	a := two(t)
	_, err := acquire(t.Context(), a, "run a", time.Second)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		lease, err := acquire(t.Context(), a, "run b", time.Hour)
		return err == nil && lease.Token == 2
	}, 5*time.Second, 200*time.Millisecond)
}

func TestLeaseNeedsAMajority(t *testing.T) {
	t.Parallel()
	a := &stored.Activities{Stores: []store.Store{gone(t), open(t, "two")}}
	_, err := acquire(t.Context(), a, "run a", time.Hour)
	require.Equal(t, failure.Unavailable, classOf(err))
	lease, err := a.AcquireLease(t.Context(), stored.AcquireIn{Service: "db", Holder: "run a", TTL: time.Hour, Partial: true})
	require.NoError(t, err)
	require.Equal(t, []string{"gone"}, lease.Lost)
	_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: lease, Number: 1})
	require.NoError(t, err)
}

// TestRivalsForOneLease: of many at once at most one wins.
func TestRivalsForOneLease(t *testing.T) {
	t.Parallel()
	a := two(t)
	won := make(chan string, 8)
	for _, holder := range strings.Fields("a b c d e f g h") {
		go func() {
			if _, err := acquire(context.WithoutCancel(t.Context()), a, holder, time.Hour); err == nil {
				won <- holder
				return
			}
			won <- ""
		}()
	}
	winners := 0
	for range 8 {
		if <-won != "" {
			winners++
		}
	}
	require.LessOrEqual(t, winners, 1)
}
