package walship

import (
	"bytes"
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// shelf is one store and whether it answered last time.
type shelf struct {
	store.Store
	down atomic.Bool // set by a failed put, cleared by the repairer
}

// parcel is one object on its way into the stores. It is sealed at most once
// however many stores take it, so that all hold the same bytes.
type parcel struct {
	key      string
	versions string // prefix of every content under this name; "" for pieces, whose key says it all
	seal     *sealing
}

// name is what conflicts are about: one file, whatever its content.
func (p parcel) name() string { return cmp.Or(p.versions, p.key) }

// sealed is what goes into the stores.
type sealed struct {
	body []byte
	opts store.PutOptions // size and checksums, taken once for all stores
}

// sealing seals a parcel when the first store, or the spool, needs it.
type sealing struct {
	get func() (sealed, error) // once, whoever calls
}

func newSealing(seal func() ([]byte, error)) *sealing {
	return &sealing{get: sync.OnceValues(func() (sealed, error) {
		body, err := seal()
		if err != nil {
			return sealed{}, err
		}
		return sealed{body, store.Describe(body)}, nil
	})}
}

// ready wraps bytes that are sealed already: a parcel out of the spool.
func ready(body []byte) *sealing {
	return newSealing(func() ([]byte, error) { return body, nil })
}

// deposit makes sure that the store holds the parcel. Twice is success: the key
// carries the content's hash, so an object that is there is this one. Other
// content under the same name is failure.Exists and nothing is written.
func (s *shelf) deposit(ctx context.Context, p parcel, retain time.Duration) error {
	if p.versions != "" {
		there, err := s.lookFor(ctx, p)
		if there || err != nil {
			return err
		}
	}
	parcel, err := p.seal.get()
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "seal %s", p.key)
	}
	opts := parcel.opts
	if retain > 0 {
		opts.RetainUntil = time.Now().Add(retain)
	}
	_, err = s.Put(ctx, p.key, bytes.NewReader(parcel.body), opts)
	if failure.Is(err, failure.Exists) {
		return nil
	}
	return failure.Wrap(failure.ClassOf(err), err, "store %s in %s", p.key, s.Name())
}

// lookFor reports whether the parcel is there, for good, or that another content is.
func (s *shelf) lookFor(ctx context.Context, p parcel) (bool, error) {
	found := false
	for obj, err := range s.List(ctx, p.versions, store.ListOptions{}) {
		if err != nil {
			return false, failure.Wrap(failure.ClassOf(err), err, "look for %s in %s", p.key, s.Name())
		}
		if obj.Key != p.key {
			return false, failure.New(failure.Exists, "store %s holds other content under this name: %s; %s was not archived",
				s.Name(), obj.Key, p.key).
				WithHint("another cluster may archive as this source, or this one was restored and not promoted: compare pg_controldata with the source's system identifier and timeline")
		}
		found = true
	}
	if !found {
		return false, nil
	}
	// What a listing shows may not be durable yet; what Stat shows is.
	_, err := s.Stat(ctx, p.key, "")
	return err == nil, failure.Wrap(failure.ClassOf(err), err, "look for %s in %s", p.key, s.Name())
}
