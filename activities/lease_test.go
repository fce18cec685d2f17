package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/activities/clock"
	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// ordered has the host do, past every workflow, what a run signed: to fence, and to
// lift that fence again.
func (h *host) ordered(t *testing.T, story warranttest.Story) (fence, lift failure.Class) {
	t.Helper()
	w := story.Warrant(t)
	in := postgres.FenceInput{Where: h.where, Side: postgres.Serving, Expect: h.damaged}
	in.Run, in.Warrant = story.Run, &w
	_, fencing := h.work.FenceWrites(t.Context(), in)
	_, lifting := h.work.LiftFence(t.Context(), in)
	return classIn(t, fencing), classIn(t, lifting)
}

func classIn(t *testing.T, err error) failure.Class {
	t.Helper()
	if err == nil {
		return ""
	}
	err = boundary.In(err)
	if failure.HintOf(err) == "" {
		t.Errorf("no hint: %v", err)
	}
	return failure.ClassOf(err)
}

// TestHostAsksTheStores: a token that the stores do not know as the run's is obeyed by
// no host, however well the rest is signed, and shuts nobody out; an outage stops what
// is new and not what takes back.
func TestHostAsksTheStores(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	old := h.story(t)
	h.server.Kill(t)
	require := func(story warranttest.Story, token uint64, wantFence, wantLift failure.Class) {
		t.Helper()
		story.Token = token
		if fence, lift := h.ordered(t, story); fence != wantFence || lift != wantLift {
			t.Errorf("%s, token %d: fence %q, lift %q; want %q and %q", story.Run, token, fence, lift, wantFence, wantLift)
		}
	}
	require(old, 1, failure.Unsafe, failure.Unsafe) // nobody took it yet
	lease := h.lease(t, old.Run)
	require(old, 1<<62, failure.Unsafe, failure.Unsafe)
	require(old, 1, "", "")

	control := &evidence.Activities{Stores: h.work.Stores}
	if _, err := control.ReleaseLease(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	require(old, 1, failure.Unsafe, failure.Unsafe) // the run is over
	next := old
	next.Run = "recover/booking-desk/run-2"
	h.lease(t, next.Run)
	require(old, 3, failure.Unsafe, failure.Unsafe) // replayed, with a higher token
	require(next, 2, "", "")

	for _, s := range h.work.Stores {
		if err := s.(*file.Store).Close(); err != nil { //nolint:forcetypeassert // made by twoStores
			t.Fatal(err)
		}
	}
	require(next, 2, failure.Unavailable, "")
	require(old, 3, failure.Unavailable, failure.Unavailable)
	story := next
	story.Issued = time.Now().Add(-48 * time.Hour)
	require(story, 3, failure.Refused, failure.Unavailable)
}

// TestStoresDownInTurn: one run had its lease in one store only, and ended; now that
// store is down, and the next run's lease is in the other. The host obeys the next one
// all the same, since it named the token that the run before had, and never the run
// before again.
func TestStoresDownInTurn(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ended := h.story(t)
	h.server.Kill(t)
	next := ended
	next.Run = "recover/booking-desk/run-2"
	stores := slices.Clone(h.work.Stores)
	down := twoStores(t)
	for _, s := range down {
		if err := s.(*file.Store).Close(); err != nil { //nolint:forcetypeassert // made by twoStores
			t.Fatal(err)
		}
	}
	control := &evidence.Activities{}
	partial := func(run string) evidence.Lease {
		t.Helper()
		service := h.work.Plan.Databases[0].Service
		told, err := (&clock.Activities{StateDir: h.work.StateDir}).Read(t.Context(), clock.Question{Lease: service})
		if err != nil {
			t.Fatal(err)
		}
		lease, err := control.AcquireLease(t.Context(), evidence.AcquireIn{Service: service, Holder: run, TTL: time.Hour, Partial: true, Obeyed: told.Obeyed})
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}
	act := func(story warranttest.Story, token uint64, want failure.Class) {
		t.Helper()
		story.Token = token
		if fence, lift := h.ordered(t, story); fence != want || lift != want {
			t.Errorf("%s, token %d: fence %q, lift %q; want %q", story.Run, token, fence, lift, want)
		}
	}
	h.work.Stores = []store.Store{stores[0], down[1]}
	control.Stores = h.work.Stores
	first := partial(ended.Run)
	act(ended, first.Token, "")
	if _, err := control.ReleaseLease(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	h.work.Stores = []store.Store{down[0], stores[1]}
	control.Stores = h.work.Stores
	second := partial(next.Run)
	act(next, second.Token, "")
	act(ended, first.Token, failure.Unsafe)
	h.work.Stores = stores // both are back, with one lease each
	act(next, second.Token, "")
	act(ended, first.Token, failure.Unsafe)
	control.Stores = stores
	if _, err := control.ReleaseLease(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if third := h.lease(t, "recover/booking-desk/run-3"); third.Token <= second.Token {
		t.Errorf("with both stores the next token is %d, after %d", third.Token, second.Token)
	}
}
