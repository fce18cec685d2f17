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
	"github.com/terragonlabs/holdfast/internal/walship"
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
// set's descriptor and checks its signature itself: a host that lies about what
// belongs to the set gains nothing. Run twice it finds its own answer, or writes
// another one beside it that opens the same.
func (a *Activities) Release(ctx context.Context, in ReleaseInput) (Released, error) {
	released, err := a.release(ctx, in)
	return released, boundary.Out(err)
}

func (a *Activities) release(ctx context.Context, in ReleaseInput) (Released, error) {
	if err := a.plan.MustBe(in.PlanHash); err != nil {
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
	log, err := a.headersOf(ctx, in.Database, request)
	if err != nil {
		return Released{}, err
	}
	holder := keyring.Holder{Keys: a.keys, Allow: allow(log, archive.AllowSets(set.Descriptor))}
	sealed, err := holder.Release(ctx, request)
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
	return Released{Object: key, SHA256: digest.String(), Keys: len(request.Items), Sets: sets}, nil
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

// headersOf reads, for every WAL object of the database that is asked for, the
// key header it really begins with.
func (a *Activities) headersOf(ctx context.Context, database string, request keyring.Request) (map[string]string, error) {
	prefix := "v1/" + database + "/wal/"
	var objects []walship.Located
	for _, item := range request.Items {
		if strings.HasPrefix(item.Object, prefix) {
			objects = append(objects, walship.Located{Key: item.Object, SizeBytes: keyring.MaxHeaderBytes})
		}
	}
	found, err := walship.KeyRequests(ctx, walship.Cluster{Source: database, Stores: a.stores}, objects)
	if err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(found))
	for _, item := range found {
		headers[item.Object] = keyring.HeaderID(item.PKESK)
	}
	return headers, nil
}

// allow lets out the keys of the wanted set, and of WAL objects whose own header
// is the one asked for: a host that sends another object's header gains nothing.
func allow(log map[string]string, ofSets func(keyring.ReleaseItem) error) func(keyring.ReleaseItem) error {
	return func(item keyring.ReleaseItem) error {
		header, isWAL := log[item.Object]
		if !isWAL {
			return ofSets(item)
		}
		if header != keyring.HeaderID(item.PKESK) {
			return failure.New(failure.Refused, "the key header sent for %.120q is not the one it begins with", item.Object)
		}
		return nil
	}
}

// answerKey is where the answer to a request lies: beside it.
func answerKey(request string, digest store.Digest) string {
	return strings.TrimSuffix(request, ".json") + "-" + hex.EncodeToString(digest[:8]) + ".sealed"
}
