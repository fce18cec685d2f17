package keys

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// provedAtOnce keeps a long log from taking a round trip after another.
const provedAtOnce = 32

// prover shows that a key header is one of the database's own: an object of the
// database begins with it, and what the header's session key opens there says,
// inside the encryption, that it was made to be that object. A header copied from
// elsewhere opens nothing that says so, whoever copied it, and whatever descriptor
// of the asking host names it.
type prover struct {
	stores []store.Store
	keys   keyring.KeySource
	set    *archive.Descriptor
}

// proved holds the session keys of headers that were proved, and no others.
type proved map[string]keyring.SessionKey

// SessionKey implements keyring.KeySource.
func (p proved) SessionKey(_ context.Context, set string, header []byte) (keyring.SessionKey, error) {
	key, ok := p[keyring.HeaderID(header)]
	if !ok {
		return keyring.SessionKey{}, failure.New(failure.Refused, "the key header sent for %.120q was not proved", set)
	}
	return key, nil
}

// all proves items, reading some kilobytes for each. It returns their keys, and those it
// answers: every item, but of WAL what proves nothing and is not needed. That is a header
// of an object of which another was proved, as copies sealed apart have two and one may
// be damaged or forged, and a tail's piece, which fetching does without where others reach
// as far. Who may write to one store could otherwise refuse the run all its keys.
func (p prover) all(ctx context.Context, items []keyring.ReleaseItem) (proved, []keyring.ReleaseItem, error) {
	found, refused := make([]keyring.SessionKey, len(items)), make([]error, len(items))
	proving, ctx := errgroup.WithContext(ctx)
	proving.SetLimit(provedAtOnce)
	for i, item := range items {
		proving.Go(func() error {
			var err error
			found[i], err = p.one(ctx, item)
			err = failure.Wrap(failure.ClassOf(err), err, "prove that the key asked for %.300q is the database's", item.Object)
			if p.isLog(item.Object) && provesNothing(err) {
				refused[i], err = err, nil
			}
			return err
		})
	}
	if err := proving.Wait(); err != nil {
		return nil, nil, err
	}
	keys, opened := make(proved, len(items)), make(map[string]bool, len(items))
	var answered []keyring.ReleaseItem
	for i, item := range items {
		if refused[i] == nil {
			keys[keyring.HeaderID(item.PKESK)], opened[item.Object] = found[i], true
			answered = append(answered, item)
		}
	}
	for i, item := range items {
		if refused[i] != nil && !opened[item.Object] && (len(answered) == 0 || !walship.IsTailPiece(item.Object)) {
			return nil, nil, refused[i]
		}
	}
	return keys, answered, nil
}

// provesNothing reports that what was read is no proof, whoever reads it again.
func provesNothing(err error) bool {
	switch failure.ClassOf(err) {
	case failure.Refused, failure.IdentityMismatch, failure.Corrupt, failure.Forbidden:
		return true
	default:
		return false
	}
}

// isLog reports whether an object lies where the database's WAL does.
func (p prover) isLog(key string) bool {
	return strings.HasPrefix(key, "v1/"+p.set.Source+"/wal/")
}

func (p prover) one(ctx context.Context, item keyring.ReleaseItem) (keyring.SessionKey, error) {
	object, err := p.objectOf(item)
	if err != nil {
		return keyring.SessionKey{}, err
	}
	key, err := p.keys.SessionKey(ctx, item.Set, item.PKESK)
	if err != nil {
		return keyring.SessionKey{}, err
	}
	return key, p.inAnyStore(ctx, object, item.PKESK, key)
}

// objectOf returns the object that shall prove the item: itself, for WAL of the
// set's cluster, else one that the set's descriptor says begins with the header.
func (p prover) objectOf(item keyring.ReleaseItem) (archive.Object, error) {
	if p.isLog(item.Object) {
		return archive.Object{Key: item.Object}, p.ofCluster(item.Object)
	}
	if err := archive.AllowSets(p.set)(item); err != nil {
		return archive.Object{}, err
	}
	object, found := p.set.SealedUnder(keyring.HeaderID(item.PKESK))
	if !found {
		return archive.Object{}, failure.New(failure.Refused, "set %s names a key header that none of its objects begins with", p.set.Set)
	}
	return object, nil
}

func (p prover) ofCluster(key string) error {
	cluster := p.set.Attributes.Postgres
	if cluster == nil || !strings.HasPrefix(key, "v1/"+p.set.Source+"/wal/"+cluster.SystemID.String()+"/") {
		return failure.New(failure.Refused, "it is not WAL of the cluster that set %s was made of", p.set.Set)
	}
	return nil
}

// inAnyStore: one store's copy that proves it is enough; a forged one beside it
// proves nothing and harms nothing.
func (p prover) inAnyStore(ctx context.Context, object archive.Object, header []byte, key keyring.SessionKey) error {
	var refused, silent []error
	for _, from := range p.stores {
		err := provedIn(ctx, from, object, header, key)
		switch failure.ClassOf(err) {
		case "":
			return nil
		case failure.Refused, failure.IdentityMismatch, failure.Corrupt, failure.NotFound:
			refused = append(refused, err)
		default:
			silent = append(silent, err)
		}
	}
	if len(silent) > 0 {
		return failure.Wrap(failure.Unavailable, errors.Join(append(silent, refused...)...), "ask every store")
	}
	return failure.New(failure.Refused, "no store's copy proves it: %v", errors.Join(refused...)).
		WithHint("starter backup verify; a host that may write to the stores may have copied another database's key there")
}

func provedIn(ctx context.Context, from store.Store, object archive.Object, header []byte, key keyring.SessionKey) error {
	beginning, err := read(ctx, from, object.Key, object.Stores[from.Name()], seal.BeginningBytes(key.Mode()))
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "read in store %s", from.Name())
	}
	own, err := seal.Header(beginning)
	if err == nil && keyring.HeaderID(own) != keyring.HeaderID(header) {
		err = failure.New(failure.Refused, "it begins with another key header than the one that was sent")
	}
	if err == nil {
		err = seal.CheckName(beginning, object.Key, key)
	}
	return failure.Wrap(failure.ClassOf(err), err, "look inside it in store %s", from.Name())
}

// read returns up to limitBytes of an object's beginning; the newest version's
// where the one that is named is gone.
func read(ctx context.Context, from store.Store, key, version string, limitBytes int64) ([]byte, error) {
	body, _, err := from.Get(ctx, key, store.GetOptions{Version: version, LengthBytes: limitBytes})
	if failure.Is(err, failure.NotFound) && version != "" {
		body, _, err = from.Get(ctx, key, store.GetOptions{LengthBytes: limitBytes})
	}
	if err != nil {
		return nil, err
	}
	beginning, err := io.ReadAll(io.LimitReader(body, limitBytes))
	if closing := body.Close(); err == nil {
		err = closing
	}
	return beginning, failure.Wrap(failure.ClassOf(err), err, "read %s", key)
}
