package activities_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// recovered is h after a cut-over: the cluster that serves was restored from replaced,
// and people signed for all of it.
func (h *host) recovered(t *testing.T) (replaced postgres.Identity, story warranttest.Story) {
	t.Helper()
	replaced = postgres.Identity{SystemID: h.damaged.SystemID, Timeline: h.damaged.Timeline, Incarnation: "replaced"}
	p := h.work.Plan
	story = h.story(t)
	primary, _ := p.Databases[0].Primary()
	story.Target, story.Gate = postgres.Describe(primary, replaced), "cut-over"
	for _, person := range p.Holders(p.Authority[plan.Approve]...) {
		if person != story.Declarer {
			story.Approvers = []string{person}
		}
	}
	return replaced, story
}

// TestCommittedIsNotSwappedBack: what people signed for a cut-over is an undo's
// permission until they keep it. From then on a host that was told refuses, with the
// lease still live, also as a process that has just started, also by hand.
func TestCommittedIsNotSwappedBack(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	replaced, story := h.recovered(t)
	h.lease(t, story.Run)
	where := func() postgres.Where {
		w, at := story.Warrant(t), h.where
		at.Warrant = &w
		return at
	}
	record := func(restored postgres.Identity) (postgres.Committed, error) {
		return h.work.RecordCommit(t.Context(), postgres.CommitInput{Where: where(), Damaged: replaced, Restored: restored})
	}
	// Obeyed, it comes as far as the swap, which finds no such cluster here.
	back := func(work *postgres.Activities) failure.Class {
		elsewhere := postgres.Identity{SystemID: h.damaged.SystemID, Timeline: h.damaged.Timeline + 1, Incarnation: "not here"}
		_, err := work.SwapBack(t.Context(), postgres.SwapInput{Where: where(), Damaged: replaced, Restored: elsewhere})
		return classIn(t, err)
	}
	before := back(h.work)
	if before != failure.IdentityMismatch {
		t.Fatalf("before the commit: %q", before)
	}
	if _, err := record(h.damaged); classIn(t, err) != failure.Forbidden {
		t.Errorf("nobody committed: %v", err)
	}
	story.Committer = h.work.Plan.Holders(h.work.Plan.Authority[plan.Commit]...)[0]
	if _, err := record(postgres.Identity{SystemID: h.damaged.SystemID, Timeline: 9, Incarnation: "another"}); classIn(t, err) != failure.IdentityMismatch {
		t.Errorf("another cluster serves: %v", err)
	}
	if class := back(h.work); class != before {
		t.Errorf("nothing is committed yet: %s", class)
	}
	first, err := record(h.damaged)
	if err != nil || time.Since(first.At) > time.Minute {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := record(h.damaged); err != nil || !again.At.Equal(first.At) {
		t.Errorf("twice: %+v %v", again, err)
	}
	for range 2 {
		if class := back(h.work); class != failure.Unsafe {
			t.Errorf("after the commit: %q", class)
		}
		h.work = postgres.New(h.work.Config)
	}
	h.set = &activities.Set{Postgres: h.work}
	err = h.set.Call(t.Context(), ownLease, postgres.Prefix+"SwapBack", encoded(t, postgres.SwapInput{Where: h.where, Damaged: replaced, Restored: h.damaged}))
	if failure.ClassOf(err) != failure.Unsafe || failure.HintOf(err) == "" {
		t.Errorf("by hand: %v", err)
	}
}
