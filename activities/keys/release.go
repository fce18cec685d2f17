package keys

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// maxRequestBytes bounds a request object.
const maxRequestBytes = 64 << 20

// Activities release session keys with the private keys they were made with.
type Activities struct {
	plan   *plan.Plan
	stores []store.Store
	trust  keyring.Trust
	keys   keyring.KeySource
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the key holder's activities.
func New(p *plan.Plan, stores []store.Store, trust keyring.Trust, keys keyring.KeySource) *Activities {
	return &Activities{plan: p, stores: stores, trust: trust, keys: keys}
}

// Release answers a host's request with the session keys of one set and of that
// database's WAL, sealed to the key the host made for this run. It reads the
// set's descriptor and checks its signature itself, and opens the beginning of an
// object for each key: a host that lies about what is its own, in the request, in
// a descriptor it signed, or by what it put into the stores, gains nothing. Of WAL it
// leaves out what proves nothing and is not needed. Whoever may
// order work of it gains nothing either: it judges the run's warrant. Run twice it finds
// its own answer, or writes another one beside it that opens the same.
//
// Errors of the warrant are those of warrant.Verify; failure.Unsafe and
// failure.Unavailable as recovery.Ballot.Vouch says; failure.IdentityMismatch for a set
// of another cluster than was signed for.
func (a *Activities) Release(ctx context.Context, in ReleaseInput) (Released, error) {
	released, err := a.release(ctx, in)
	return released, boundary.Out(err)
}

func (a *Activities) release(ctx context.Context, in ReleaseInput) (Released, error) {
	if err := a.plan.MustBe(in.PlanHash); err != nil {
		return Released{}, err
	}
	if err := a.permit(ctx, in); err != nil {
		return Released{}, err
	}
	request, err := a.request(ctx, in)
	if err != nil {
		return Released{}, err
	}
	set, _, err := archive.Load(ctx, a.stores, in.Database, archive.SetID(in.Set), a.trust)
	if err != nil {
		return Released{}, err
	}
	if err := requireOrigin(set.Descriptor, in.Damaged); err != nil {
		return Released{}, err
	}
	asked := len(request.Items)
	proven, answered, err := prover{stores: a.stores, keys: a.keys, set: set.Descriptor}.all(ctx, request.Items)
	if err != nil {
		return Released{}, err
	}
	request.Items = answered
	sealed, err := keyring.Release(ctx, request, proven)
	if err != nil {
		return Released{}, err
	}
	// The sealed answer differs each time: its hash in the name keeps both.
	digest := store.DigestOf(sealed)
	key := answerKey(in.Request, digest)
	if _, err := replicate.Put(ctx, a.stores, key, sealed, time.Time{}); err != nil {
		return Released{}, err
	}
	sets := []string{in.Set}
	for _, reference := range set.Descriptor.References {
		sets = append(sets, string(reference))
	}
	return Released{Object: key, SHA256: digest.String(), Keys: len(answered), Unproved: asked - len(answered), Sets: sets}, nil
}

func (a *Activities) request(ctx context.Context, in ReleaseInput) (keyring.Request, error) {
	want, err := store.ParseDigest(in.SHA256)
	if err != nil {
		return keyring.Request{}, err
	}
	if want.IsZero() || !strings.HasPrefix(in.Request, "v1/runs/") {
		return keyring.Request{}, failure.Invalid("request", "%.120q is not the key of a run's request with its SHA-256", in.Request)
	}
	text, err := replicate.Get(ctx, a.stores, in.Request, want, maxRequestBytes)
	if err != nil {
		return keyring.Request{}, err
	}
	return keyring.ParseRequest(text)
}

// answerKey is where the answer to a request lies: beside it.
func answerKey(request string, digest store.Digest) string {
	return strings.TrimSuffix(request, ".json") + "-" + hex.EncodeToString(digest[:8]) + ".sealed"
}
