package memory

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Store keeps objects in memory. It has neither versions nor locks.
type Store struct {
	name string
	now  func() time.Time

	mutex   sync.Mutex
	objects map[string]object
}

type object struct {
	store.Object

	body []byte
}

var _ store.Store = (*Store)(nil)

// New returns an empty store whose clock is now.
func New(name string, now func() time.Time) *Store {
	return &Store{name: name, now: now, objects: map[string]object{}}
}

// Name implements store.Store.
func (s *Store) Name() string { return s.name }

// Capabilities implements store.Store.
func (s *Store) Capabilities() store.Capabilities { return store.Capabilities{Provider: "file"} }

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if err := store.CheckPut(key, body, opts); err != nil {
		return store.Object{}, err
	}
	content := make([]byte, opts.SizeBytes)
	if n, err := body.ReadAt(content, 0); int64(n) < opts.SizeBytes {
		return store.Object{}, failure.Wrap(failure.Corrupt, err, "body ends after %d of %d bytes", n, opts.SizeBytes)
	}
	if got := store.DigestOf(content); got != opts.SHA256 {
		return store.Object{}, failure.New(failure.Corrupt, "body has SHA-256 %s, %s was announced", got, opts.SHA256)
	}
	if err := ctx.Err(); err != nil {
		return store.Object{}, failure.Wrap(failure.Unavailable, err, "put %s", key)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, exists := s.objects[key]; exists {
		return store.Object{}, failure.New(failure.Exists, "object %s exists already in store %s", key, s.name)
	}
	put := object{Object: store.Object{Key: key, SizeBytes: opts.SizeBytes, SHA256: opts.SHA256, Modified: s.now(), Latest: true}, body: content}
	s.objects[key] = put
	return put.Object, nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if err := store.CheckGet(key, opts); err != nil {
		return nil, store.Object{}, err
	}
	found, err := s.find(ctx, key, opts.Version)
	if err != nil {
		return nil, store.Object{}, err
	}
	if opts.Whole() {
		return store.Verified(io.NopCloser(bytes.NewReader(found.body)), found.Object), found.Object, nil
	}
	rest := found.body[min(opts.Offset, found.SizeBytes):]
	if opts.LengthBytes > 0 {
		rest = rest[:min(opts.LengthBytes, int64(len(rest)))]
	}
	return io.NopCloser(bytes.NewReader(rest)), found.Object, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	found, err := s.find(ctx, key, version)
	return found.Object, err
}

func (s *Store) find(ctx context.Context, key, version string) (object, error) {
	if err := ctx.Err(); err != nil {
		return object{}, failure.Wrap(failure.Unavailable, err, "read %s", key)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, exists := s.objects[key]
	if !exists || version != "" {
		return object{}, failure.New(failure.NotFound, "object %s (version %q) is not in store %s", key, version, s.name)
	}
	return found, nil
}

// List implements store.Store. It yields what was there when the iteration began.
func (s *Store) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Object{}, err)
			return
		}
		s.mutex.Lock()
		objects := maps.Clone(s.objects)
		s.mutex.Unlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if !strings.HasPrefix(key, prefix) || key <= opts.After {
				continue
			}
			listed := objects[key].Object
			listed.SHA256 = store.Digest{}
			if err := ctx.Err(); err != nil {
				yield(store.Object{}, failure.Wrap(failure.Unavailable, err, "list %s", prefix))
				return
			}
			if !yield(listed, nil) {
				return
			}
		}
	}
}

// Delete implements store.Store.
func (s *Store) Delete(_ context.Context, key, _ string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.objects, key)
	return nil
}

// ExtendLock implements store.Store: there are no locks here.
func (s *Store) ExtendLock(context.Context, string, string, time.Time) error {
	return failure.New(failure.InvalidInput, "store %s keeps no locks", s.name)
}
