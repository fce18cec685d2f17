package evidence_test

import (
	"context"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// mute is a store behind a network that drops every packet: its client tries again for
// longer than a step has.
type mute struct{ store.Store }

func (mute) Put(ctx context.Context, _ string, _ io.ReaderAt, _ store.PutOptions) (store.Object, error) {
	<-ctx.Done()
	return store.Object{}, ctx.Err()
}

func (mute) Get(ctx context.Context, _ string, _ store.GetOptions) (io.ReadCloser, store.Object, error) {
	<-ctx.Done()
	return nil, store.Object{}, ctx.Err()
}

func (mute) List(ctx context.Context, _ string, _ store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		<-ctx.Done()
		yield(store.Object{}, ctx.Err())
	}
}

// TestLeaseWithAMuteStore: a step about a lease has a minute. Within it, whichever of the
// stores is mute, it is known that too few answer, and a person's word is enough to go on
// with those that do.
func TestLeaseWithAMuteStore(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]func(answers, silent store.Store) []store.Store{
		"first": func(answers, silent store.Store) []store.Store { return []store.Store{silent, answers} },
		"last":  func(answers, silent store.Store) []store.Store { return []store.Store{answers, silent} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answers, silent := memory.New("answers", time.Now), mute{memory.New("mute", time.Now)}
				a := &stored.Activities{Stores: order(answers, silent)}
				step := func(do func(ctx context.Context) error) error {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err := do(ctx)
					require.NoError(t, ctx.Err(), "it took longer than the step has")
					return err
				}
				in := stored.AcquireIn{Service: "db", Holder: "run a", TTL: time.Hour}
				err := step(func(ctx context.Context) error { _, err := a.AcquireLease(ctx, in); return err })
				require.Equal(t, failure.Unavailable, classOf(err), "%v", err)
				require.ErrorContains(t, err, "none came from mute")
				require.Contains(t, failure.HintOf(boundary.In(err)), "starter resolve --skip")
				in.Partial = true
				var lease stored.Lease
				require.NoError(t, step(func(ctx context.Context) (err error) { lease, err = a.AcquireLease(ctx, in); return err }))
				require.NoError(t, step(func(ctx context.Context) error {
					_, err := a.RenewLease(ctx, stored.RenewIn{Lease: lease, Number: 1})
					return err
				}))
				require.NoError(t, vouch(t, a, "run a", lease.Token))
				require.NoError(t, step(func(ctx context.Context) error { _, err := a.ReleaseLease(ctx, lease); return err }))
			})
		})
	}
}

// counted counts what is read.
type counted struct {
	store.Store

	gets *int
}

func (c counted) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if strings.HasPrefix(key, "v1/leases/") {
		*c.gets++
	}
	return c.Store.Get(ctx, key, opts)
}

// TestLongHeldLeaseIsReadSoon: a run that waited for days for its last decision renewed
// its lease hundreds of times. Neither it nor whoever comes after reads all of that: a
// step that did would end by its time, and nobody could take the lease again.
func TestLongHeldLeaseIsReadSoon(t *testing.T) {
	t.Parallel()
	now, gets := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 0
	a := &stored.Activities{Stores: []store.Store{
		counted{memory.New("one", func() time.Time { return now }), &gets},
		counted{memory.New("two", func() time.Time { return now }), &gets},
	}}
	lease, err := acquire(t.Context(), a, "run a", 15*time.Minute)
	require.NoError(t, err)
	const renewals = 500
	for n := range renewals {
		now = now.Add(5 * time.Minute)
		lease, err = a.RenewLease(t.Context(), stored.RenewIn{Lease: lease, Number: n + 1})
		require.NoError(t, err)
	}
	require.True(t, lease.Expires.Equal(now.Add(15*time.Minute)), "%s", lease.Expires)
	require.Less(t, gets, 10*renewals, "each renewal read as little as the first")
	now = now.Add(15*time.Minute - time.Second)
	_, err = acquire(t.Context(), a, "run b", 15*time.Minute)
	require.Equal(t, failure.Refused, classOf(err), "it is renewed until then")
	now, gets = now.Add(time.Second), 0
	_, err = acquire(t.Context(), a, "run b", 15*time.Minute)
	require.NoError(t, err)
	require.Less(t, gets, 20)
}
