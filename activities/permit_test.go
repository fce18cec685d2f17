package activities_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// story is what people of the host's plan, with keys made here, signed for a target.
func (h *host) story(t *testing.T) warranttest.Story {
	t.Helper()
	signers := map[string]ssh.Signer{}
	for i := range h.work.Plan.Team.People {
		person := &h.work.Plan.Team.People[i]
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, person.ID)
		signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			t.Fatal(err)
		}
		signers[person.ID], person.Keys = signer, []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
	}
	p := h.work.Plan
	primary, _ := p.Databases[0].Primary()
	return warranttest.Story{
		Plan: p, Signer: func(person string) ssh.Signer { return signers[person] }, Run: h.where.Run, Token: 1, Incident: "INC-1",
		Target: postgres.Describe(primary, h.damaged), Declarer: p.Holders(p.Authority[plan.Declare]...)[0], Issued: time.Now(),
	}
}

// lease has a run take the lease, as the control worker does.
func (h *host) lease(t *testing.T, run string) evidence.Lease {
	t.Helper()
	a := &evidence.Activities{Stores: h.work.Stores}
	lease, err := a.AcquireLease(t.Context(), evidence.AcquireIn{Service: h.work.Plan.Databases[0].Service, Holder: run, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// TestHostJudgesForItself: whoever can order work of a host, past every workflow,
// gets nothing destructive done that people did not sign for, and what they did sign
// for is done.
func TestHostJudgesForItself(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	story := h.story(t)
	h.server.Kill(t) // offline: a fence of a server that is down needs no answer from it
	h.lease(t, story.Run)
	restored := postgres.Identity{SystemID: h.damaged.SystemID, Timeline: h.damaged.Timeline + 1, Incarnation: "restored"}
	for name, c := range map[string]struct {
		change func(*warranttest.Story)
		bare   bool
		class  failure.Class
		// serving: it is wrong only where a cluster that serves is touched.
		serving bool
	}{
		"unsigned":         {bare: true, class: failure.Forbidden},
		"another database": {change: func(s *warranttest.Story) { s.Target += "0" }, class: failure.IdentityMismatch, serving: true},
		"another run":      {change: func(s *warranttest.Story) { s.Run = "recover/booking-desk/run-0" }, class: failure.IdentityMismatch},
		"expired":          {change: func(s *warranttest.Story) { s.Issued = s.Issued.Add(-2 * time.Hour) }, class: failure.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			one, where := story, h.where
			if c.change != nil {
				c.change(&one)
			}
			if !c.bare {
				w := one.Warrant(t)
				where.Warrant = &w
			}
			_, err := h.work.FenceWrites(t.Context(), postgres.FenceInput{Where: where, Side: postgres.Serving, Expect: h.damaged})
			if got := failure.ClassOf(boundary.In(err)); got != c.class {
				t.Errorf("fence: %v", err)
			}
			_, err = h.work.PrepareWorkspace(t.Context(), postgres.WorkspaceInput{Where: where})
			if got := failure.ClassOf(boundary.In(err)); got != c.class && !c.serving {
				t.Errorf("workspace: %v", err)
			}
		})
	}
	w := story.Warrant(t)
	where := h.where
	where.Warrant = &w
	for name, call := range map[string]func() error{
		"swap": func() error {
			_, err := h.work.SwapIn(t.Context(), postgres.SwapInput{Where: where, Damaged: h.damaged, Restored: restored})
			return err
		},
		"swap back": func() error {
			_, err := h.work.SwapBack(t.Context(), postgres.SwapInput{Where: where, Damaged: h.damaged, Restored: restored})
			return err
		},
		"promote": func() error {
			_, err := h.work.Promote(t.Context(), postgres.PromoteInput{Where: where, Origin: &h.damaged})
			return err
		},
		"resume": func() error {
			_, err := h.work.LiftFence(t.Context(), postgres.FenceInput{Where: where, Side: postgres.Serving, Expect: h.damaged, Origin: &h.damaged})
			return err
		},
	} {
		if err := call(); failure.ClassOf(boundary.In(err)) != failure.Forbidden {
			t.Errorf("%s without the gate's approvals: %v", name, err)
		}
	}
	fenced, err := h.work.FenceWrites(t.Context(), postgres.FenceInput{Where: where, Side: postgres.Serving, Expect: h.damaged})
	if err != nil || !fenced.Offline {
		t.Fatalf("what was declared: %+v %v", fenced, err)
	}
	if _, err := h.work.PrepareWorkspace(t.Context(), postgres.WorkspaceInput{Where: where}); err != nil {
		t.Errorf("the declared run's workspace: %v", err)
	}
}
