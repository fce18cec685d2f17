package evidence_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

// vouch judges from what the stores have whether holder acts under token.
func vouch(t *testing.T, a *stored.Activities, holder string, token uint64) error {
	t.Helper()
	return recovery.Ballot{Views: stored.Leases(t.Context(), a.Stores, "db")}.Vouch(holder, token)
}

// TestOnlyATakenLeaseIsRenewedOrGivenBack: whoever may order work cannot have a token
// renewed or released that nobody took, or somebody else's, which would shut every
// later run out. Nothing is written.
func TestOnlyATakenLeaseIsRenewedOrGivenBack(t *testing.T) {
	t.Parallel()
	a := two(t)
	held, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	for name, forged := range map[string]stored.Lease{
		"a token nobody took": {Service: "db", Holder: "run a", Token: math.MaxUint64, TTL: time.Hour},
		"another holder":      {Service: "db", Holder: "run b", Token: held.Token, TTL: time.Hour},
	} {
		_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: forged, Number: 1})
		require.Equal(t, failure.Refused, classOf(err), name)
		_, err = a.ReleaseLease(t.Context(), forged)
		require.Equal(t, failure.Refused, classOf(err), name)
	}
	require.NoError(t, vouch(t, a, "run a", held.Token))
	_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: held, Number: 1})
	require.NoError(t, err)
	_, err = a.ReleaseLease(t.Context(), held)
	require.NoError(t, err)
	next, err := acquire(t.Context(), a, "run b", time.Hour)
	require.NoError(t, err)
	require.Equal(t, uint64(2), next.Token)

	blind := &stored.Activities{Stores: []store.Store{gone(t), a.Stores[1]}}
	_, err = blind.RenewLease(t.Context(), stored.RenewIn{Lease: stored.Lease{Service: "db", Holder: "run b", Token: 3, TTL: time.Hour}, Number: 1})
	require.Equal(t, failure.Unavailable, classOf(err), "the store that is gone may have it")
}

// TestRenewedWhereItWasNotTaken: a store that comes back after the lease was taken
// without it is renewed into, and stays readable for whoever is next.
func TestRenewedWhereItWasNotTaken(t *testing.T) {
	t.Parallel()
	a := two(t)
	alone := &stored.Activities{Stores: []store.Store{a.Stores[0], gone(t)}}
	lease, err := alone.AcquireLease(t.Context(), stored.AcquireIn{Service: "db", Holder: "run a", TTL: time.Hour, Partial: true})
	require.NoError(t, err)
	_, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: lease, Number: 1})
	require.NoError(t, err)
	for _, view := range stored.Survey(t.Context(), a.Stores, "db") {
		require.True(t, view.Readable, view.Store)
		require.Equal(t, "run a", view.Records[0].Holder)
	}
	_, err = a.ReleaseLease(t.Context(), lease)
	require.NoError(t, err)
	_, err = acquire(t.Context(), a, "run b", time.Hour)
	require.NoError(t, err)
}

// TestWinnerBesideARival: of three stores one took a rival's claim first. Whoever has the
// other two holds the lease: hosts are told so, and all three stay readable when it was
// renewed and given back.
func TestWinnerBesideARival(t *testing.T) {
	t.Parallel()
	first, rest := open(t, "three"), two(t)
	rival := &stored.Activities{Stores: []store.Store{first, gone(t)}}
	_, err := rival.AcquireLease(t.Context(), stored.AcquireIn{Service: "db", Holder: "run b", TTL: time.Hour, Partial: true})
	require.NoError(t, err)
	alone := &stored.Activities{Stores: append([]store.Store{gone(t)}, rest.Stores...)}
	lease, err := acquire(t.Context(), alone, "run a", time.Hour)
	require.NoError(t, err)
	a := &stored.Activities{Stores: append([]store.Store{first}, rest.Stores...)}
	require.NoError(t, vouch(t, a, "run a", lease.Token))
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run b", lease.Token)))
	_, err = alone.RenewLease(t.Context(), stored.RenewIn{Lease: lease, Number: 1})
	require.NoError(t, err)
	_, err = alone.ReleaseLease(t.Context(), lease)
	require.NoError(t, err)
	for _, view := range stored.Survey(t.Context(), a.Stores, "db") {
		require.True(t, view.Readable, view.Store)
	}
	require.ErrorContains(t, vouch(t, a, "run a", lease.Token), "gave the lease back")
}

// TestWhatStoresVouchFor: what a host learns of a lease as it is taken, half taken,
// taken over and given back, with both stores, one and none.
func TestWhatStoresVouchFor(t *testing.T) {
	t.Parallel()
	a := two(t)
	lease, err := acquire(t.Context(), a, "run a", time.Hour)
	require.NoError(t, err)
	require.NoError(t, vouch(t, a, "run a", lease.Token))
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run b", lease.Token)))
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run a", 99)))
	half := &stored.Activities{Stores: []store.Store{gone(t), a.Stores[1]}}
	require.NoError(t, vouch(t, half, "run a", lease.Token))
	require.Equal(t, failure.Unavailable, failure.ClassOf(vouch(t, half, "run a", 99)))
	none := &stored.Activities{Stores: []store.Store{gone(t), gone(t)}}
	require.Equal(t, failure.Unavailable, failure.ClassOf(vouch(t, none, "run a", lease.Token)))

	byHand, err := stored.TakeOver(t.Context(), half.Stores, stored.AcquireIn{Service: "db", Holder: "by hand", TTL: time.Hour})
	require.NoError(t, err)
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run a", lease.Token)), "one store is enough to know that it passed on")
	require.NoError(t, vouch(t, a, "by hand", byHand.Token))
	_, err = a.ReleaseLease(t.Context(), byHand)
	require.NoError(t, err)
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "by hand", byHand.Token)), "it was given back")

	again, err := acquire(t.Context(), a, "run a", time.Hour) // as whoever may order work can have it
	require.NoError(t, err)
	require.ErrorContains(t, vouch(t, a, "run a", again.Token), "passed on to \"by hand\"")
}

// TestStoresLostInTurn: one run had its lease in one store while the other was lost, and
// gave it back; the next one has the same token in that other store, and goes on when
// the first is back. The run that ended does not.
func TestStoresLostInTurn(t *testing.T) {
	t.Parallel()
	a := two(t)
	partial := stored.AcquireIn{Service: "db", Holder: "run a", TTL: time.Hour, Partial: true}
	early := &stored.Activities{Stores: []store.Store{a.Stores[0], gone(t)}}
	ended, err := early.AcquireLease(t.Context(), partial)
	require.NoError(t, err)
	partial.Holder = "run b"
	late := &stored.Activities{Stores: []store.Store{gone(t), a.Stores[1]}}
	lease, err := late.AcquireLease(t.Context(), partial)
	require.NoError(t, err)
	require.Equal(t, ended.Token, lease.Token)
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run b", lease.Token)), "two were let go on")
	_, err = early.ReleaseLease(t.Context(), ended)
	require.NoError(t, err)
	require.NoError(t, vouch(t, a, "run b", lease.Token))
	require.Equal(t, failure.Unsafe, failure.ClassOf(vouch(t, a, "run a", ended.Token)))
}
