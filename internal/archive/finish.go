package archive

import (
	"context"
	"errors"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Finished says what Finish found and copied.
type Finished struct {
	Descriptor *Descriptor
	Copied     map[string]int // objects copied to each store
}

// Finish brings a committed set to every store: after a kill between two stores,
// after a store was down during the backup, after a loss in one store. It copies
// ciphertext from a good store and needs no key; parts and manifest come first,
// the descriptor last, and nothing is overwritten. Running twice copies nothing
// the second time. failure.NotFound means that the set was never committed.
//
// A copy has another version than a descriptor that pins one for that store
// says; readers then find it by its newest version and its digest.
func Finish(ctx context.Context, stores []store.Store, source string, id SetID, trusted keyring.Trust) (Finished, error) {
	set, _, err := Load(ctx, stores, source, id, trusted)
	if err != nil {
		return Finished{}, err
	}
	done := Finished{Descriptor: set.Descriptor, Copied: map[string]int{}}
	pool := &chunkPool{}
	f := newFetcher(stores, pool)
	for _, s := range stores {
		for _, object := range append([]Object{set.Descriptor.Manifest}, set.Descriptor.Parts...) {
			copied, err := copyObject(ctx, f, s, object)
			if err != nil {
				return done, err
			}
			done.Copied[s.Name()] += copied
		}
		if _, there := set.Copies[s.Name()]; there {
			continue
		}
		if err := copyDescriptor(ctx, stores, s, set, pool); err != nil {
			return done, err
		}
		done.Copied[s.Name()]++
	}
	return done, nil
}

// copyObject copies an object the store lacks. One that is there but differs is
// left alone: nothing is overwritten, and Verify reports it.
func copyObject(ctx context.Context, f *fetcher, to store.Store, object Object) (int, error) {
	_, err := statObject(ctx, to, object)
	if err == nil {
		return 0, nil
	}
	if !failure.Is(err, failure.NotFound) {
		return 0, failure.Wrap(failure.ClassOf(err), err, "look for %s in store %s", object.Key, to.Name())
	}
	content, err := f.fetch(ctx, object)
	if err != nil {
		return 0, err
	}
	defer content.release()
	opts := store.PutOptions{SizeBytes: content.size, SHA256: object.SHA256}
	_, err = putOnce(ctx, to, object.Key, content, opts)
	return 1, failure.Wrap(failure.ClassOf(err), err, "copy %s to store %s", object.Key, to.Name())
}

func copyDescriptor(ctx context.Context, stores []store.Store, to store.Store, set Set, pool *chunkPool) error {
	key := DescriptorKey(set.Descriptor.Source, set.Descriptor.Set)
	var failed error
	for _, from := range stores {
		copied, there := set.Copies[from.Name()]
		if !there {
			continue
		}
		document, err := readDocument(ctx, from, store.Object{Key: key, Version: copied.Version})
		if err != nil || store.DigestOf(document) != set.Digest {
			failed = errors.Join(failed, err)
			continue
		}
		out := &buffer{pool: pool}
		if _, err := out.Write(document); err != nil {
			return err
		}
		_, err = putOnce(ctx, to, key, out, store.PutOptions{SizeBytes: out.size, SHA256: set.Digest})
		out.release()
		return failure.Wrap(failure.ClassOf(err), err, "copy descriptor to store %s", to.Name())
	}
	return failure.Wrap(failure.Unavailable, failed, "read descriptor of %s", set.Descriptor.Set)
}
