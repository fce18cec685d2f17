package keys_test

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// damaged is the cluster that the house's sets were made of.
var damaged = postgres.Identity{SystemID: 7711166801199624188, Timeline: 1, Incarnation: "damaged"} //nolint:gochecknoglobals // a constant

func signerOf(t *testing.T, person string) ssh.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, person)
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return signer
}

// thePlan has two commanders, ann and bob.
func thePlan(t *testing.T) *plan.Plan {
	t.Helper()
	p, _, err := plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	p.Team = plan.Team{Roles: []plan.Role{{Name: "commander", Primary: "ann", Backup: "bob"}}}
	p.Authority = map[plan.Message][]string{plan.Declare: {"commander"}, plan.Approve: {"commander"}}
	p.Runbooks = []plan.Runbook{{Scenario: "database-corruption", Gates: []plan.Gate{
		{Name: "restore", Roles: []string{"commander"}, Quorum: 1}, {Name: "cut-over", Roles: []string{"commander"}, Quorum: 1},
	}}}
	for _, id := range []string{"ann", "bob"} {
		p.Team.People = append(p.Team.People, plan.Person{ID: id, Keys: []string{string(ssh.MarshalAuthorizedKey(signerOf(t, id).PublicKey()))}})
	}
	return p
}

func (h *house) lease(run string) evidence.Lease {
	h.t.Helper()
	lease, err := (&evidence.Activities{Stores: h.stores}).AcquireLease(h.t.Context(), evidence.AcquireIn{Service: h.bookings().Service, Holder: run, TTL: time.Hour})
	require.NoError(h.t, err)
	return lease
}

func (h *house) bookings() plan.Database {
	h.t.Helper()
	found, err := h.plan.Database(database)
	require.NoError(h.t, err)
	return found
}

// signed is what ann declared and bob approved in the run that holds the lease.
func (h *house) signed(lease evidence.Lease) warranttest.Story {
	h.t.Helper()
	primary, _ := h.bookings().Primary()
	return warranttest.Story{
		Plan: h.plan, Signer: func(person string) ssh.Signer { return signerOf(h.t, person) }, Run: lease.Holder, Token: lease.Token,
		Incident: "INC-1", Target: postgres.Describe(primary, damaged), Gate: "restore", Declarer: "ann", Approvers: []string{"bob"}, Issued: time.Now(),
	}
}

func (h *house) warrant(story warranttest.Story) *warrant.Warrant {
	h.t.Helper()
	w := story.Warrant(h.t)
	return &w
}

// TestKeysAreReleasedForWhatPeopleSigned: whoever can order work of the key holder, past
// every workflow, gets the keys of no restore that people did not approve, in the run
// that holds the lease.
func TestKeysAreReleasedForWhatPeopleSigned(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spoil func(h *house, in *keys.ReleaseInput)
		class failure.Class
	}{
		"unsigned": {func(_ *house, in *keys.ReleaseInput) { in.Warrant = nil }, failure.Forbidden},
		"declared only": {func(h *house, in *keys.ReleaseInput) {
			h.story.Gate = ""
			in.Warrant = h.warrant(h.story)
		}, failure.Forbidden},
		"another gate": {func(h *house, in *keys.ReleaseInput) {
			h.story.Gate = "cut-over"
			in.Warrant = h.warrant(h.story)
		}, failure.Refused},
		"another run":      {func(_ *house, in *keys.ReleaseInput) { in.Run = "x/run-0" }, failure.IdentityMismatch},
		"another cluster":  {func(_ *house, in *keys.ReleaseInput) { in.Damaged.SystemID++ }, failure.IdentityMismatch},
		"another database": {func(_ *house, in *keys.ReleaseInput) { in.Database = "ledger" }, failure.IdentityMismatch},
		"a token nobody took": {func(h *house, in *keys.ReleaseInput) {
			h.story.Token++
			in.Warrant = h.warrant(h.story)
		}, failure.Unsafe},
		"no lease beside somebody's": {func(h *house, in *keys.ReleaseInput) {
			other := h.signed(evidence.Lease{Holder: "x/run-2"})
			in.Run, in.Warrant = other.Run, h.warrant(other)
		}, failure.Unsafe},
		"an ended run": {func(h *house, _ *keys.ReleaseInput) {
			_, err := (&evidence.Activities{Stores: h.stores}).ReleaseLease(h.t.Context(), evidence.Lease{Service: h.bookings().Service, Holder: "x/run-1", Token: 1})
			require.NoError(h.t, err)
		}, failure.Unsafe},
		"a run that lost its lease": {func(h *house, _ *keys.ReleaseInput) {
			_, err := evidence.TakeOver(h.t.Context(), h.stores, evidence.AcquireIn{Service: h.bookings().Service, Holder: "by hand", TTL: time.Hour})
			require.NoError(h.t, err)
		}, failure.Unsafe},
		"a set of another cluster than was signed for": {func(h *house, in *keys.ReleaseInput) {
			in.Damaged.SystemID++
			primary, _ := h.bookings().Primary()
			h.story.Target = postgres.Describe(primary, in.Damaged)
			in.Warrant = h.warrant(h.story)
		}, failure.IdentityMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			in := h.ask(h.all()...)
			row.spoil(h, &in)
			_, err := h.holder.Release(t.Context(), in)
			err = boundary.In(err)
			require.Equal(t, row.class, failure.ClassOf(err), "%v", err)
			require.NotEmpty(t, failure.HintOf(err), "%v", err)
		})
	}
}

// TestKeysAfterALongProof: the approval of the gate may have expired while the log was
// proved; the lease shows that the run goes on. One store that knows it is enough.
func TestKeysAfterALongProof(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.ask(h.all()...)
	h.story.Issued = h.story.Issued.Add(-3 * time.Hour)
	in.Warrant = h.warrant(h.story)
	gone, err := file.Open(file.Config{Name: "gone", Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	h.holder = keys.New(h.plan, []store.Store{gone, h.stores[1]}, h.trust(), h.private)
	_, err = h.holder.Release(t.Context(), in)
	require.NoError(t, err)

	h.story.Token = 0
	in.Warrant = h.warrant(h.story)
	_, err = h.holder.Release(t.Context(), in)
	require.Error(t, err, "without a lease nothing shows that the run goes on")
}
