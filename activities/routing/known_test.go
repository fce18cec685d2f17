package routing_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// declared is what people signed to start the run.
func (p *pooler) declared(t *testing.T) warranttest.Story {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	require.NoError(t, err)
	person := p.plan.Holders(p.plan.Authority[plan.Declare]...)[0]
	for i := range p.plan.Team.People {
		if p.plan.Team.People[i].ID == person {
			p.plan.Team.People[i].Keys = []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}
		}
	}
	return warranttest.Story{
		Plan: p.plan, Signer: func(string) ssh.Signer { return signer }, Run: run, Token: 1, Incident: "INC-1",
		Target: "quay-1", Declarer: person, Issued: time.Now(),
	}
}

// TestReadersGoWherePeopleAndPlanSay: whoever may order work can neither move readers
// without a declared run nor, with one, send them anywhere but to a server of the plan
// or back; and when the run is over neither.
func TestReadersGoWherePeopleAndPlanSay(t *testing.T) {
	t.Parallel()
	p := start(t)
	before := p.text(t)
	bucket, err := file.Open(file.Config{Name: "one", Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	control := &evidence.Activities{Stores: []store.Store{bucket}}
	lease, err := control.AcquireLease(t.Context(), evidence.AcquireIn{Service: p.plan.Databases[0].Service, Holder: run, TTL: time.Hour})
	require.NoError(t, err)
	story := p.declared(t)
	host := routing.New(routing.Config{Plan: p.plan, StateDir: p.state, Stores: control.Stores})
	send := func(story *warranttest.Story, to routing.Server, back bool) failure.Class {
		in := routing.Redirection{Input: p.at, To: to, Run: run, Back: back}
		if story != nil {
			w := story.Warrant(t)
			in.Warrant = &w
		}
		_, err := host.SendReaders(t.Context(), in)
		if err == nil {
			return ""
		}
		require.NotEmpty(t, failure.HintOf(boundary.In(err)), err)
		return failure.ClassOf(boundary.In(err))
	}
	first, elsewhere := routing.Server{Address: "127.0.0.1", Port: 6001}, routing.Server{Address: "203.0.113.9", Port: 6001}
	late := story
	late.Issued = time.Now().Add(-2 * time.Hour)
	require.Equal(t, failure.Forbidden, send(nil, replica(), false), "unsigned")
	require.Equal(t, failure.Refused, send(&late, replica(), false), "what was signed has expired")
	require.Equal(t, failure.Refused, send(&story, elsewhere, false))
	require.Equal(t, failure.Refused, send(&story, routing.Server{Address: replica().Address, Port: 1}, false), "another port")
	require.Equal(t, before, p.text(t))

	require.Empty(t, send(&story, replica(), false))
	require.Equal(t, failure.Refused, send(&story, elsewhere, true))
	require.Empty(t, send(&late, first, true), "an undo may come late, to where they were, which no plan names")
	require.Equal(t, before, p.text(t))
	require.Empty(t, send(&story, replica(), false))

	_, err = control.ReleaseLease(t.Context(), lease)
	require.NoError(t, err)
	require.Equal(t, failure.Unsafe, send(&story, first, true), "the run is over")

	hand := guard.ByHand(t.Context(), "undo by hand", 2)
	_, err = host.SendReaders(hand, routing.Redirection{Input: p.at, To: first, Run: run})
	require.NoError(t, err, "a person has a lease of their own")
	require.Equal(t, before, p.text(t))
	require.NoError(t, os.WriteFile(filepath.Join(p.state, "route", "bookings.json"), []byte("{"), 0o600))
	_, err = host.SendReaders(hand, routing.Redirection{Input: p.at, To: first, Run: run})
	require.Equal(t, failure.Corrupt, failure.ClassOf(boundary.In(err)), "where they were is not known")
	_, err = host.SendReaders(t.Context(), routing.Redirection{Input: p.at, To: elsewhere})
	require.Equal(t, failure.Forbidden, failure.ClassOf(boundary.In(err)), "only a person may leave out the run")
}
