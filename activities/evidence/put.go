package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// maxObjectBytes bounds every object of this package, written or read.
const maxObjectBytes = 16 << 20

// putEverywhere writes v as JSON to every store at once. One store is enough to
// succeed; what is missing elsewhere is in Where. When no store takes it, the
// errors are joined.
func (a *Activities) putEverywhere(ctx context.Context, key string, v any, until time.Time) (Where, error) {
	body, err := encode(v)
	if err != nil {
		return Where{}, err
	}
	errs := make([]error, len(a.Stores))
	var all sync.WaitGroup
	for i, s := range a.Stores {
		all.Go(func() { _, errs[i] = putOnce(ctx, s, key, body, until) })
	}
	all.Wait()
	where := Where{Key: key}
	for i, s := range a.Stores {
		switch {
		case errs[i] == nil:
			where.Stores = append(where.Stores, s.Name())
		case failure.Is(errs[i], failure.Exists): // other bytes under our name: never go on
			return where, errs[i]
		default:
			where.Missing = append(where.Missing, s.Name())
		}
	}
	if len(where.Stores) == 0 {
		return where, failure.Wrap(failure.Unavailable, errors.Join(errs...), "put %s in any store", key)
	}
	return where, nil
}

// putOnce creates key with body. When it is there already with the same bytes,
// it counts as written: the call ran twice.
func putOnce(ctx context.Context, s store.Store, key string, body []byte, until time.Time) (store.Object, error) {
	opts := store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body), RetainUntil: until}
	object, err := s.Put(ctx, key, bytes.NewReader(body), opts)
	if !failure.Is(err, failure.Exists) {
		return object, failure.Wrap(failure.ClassOf(err), err, "put %s in store %s", key, s.Name())
	}
	there, statErr := s.Stat(ctx, key, "")
	if statErr != nil {
		return there, failure.Wrap(failure.ClassOf(statErr), statErr, "look at %s in store %s", key, s.Name())
	}
	if there.SHA256 != opts.SHA256 {
		return there, failure.Wrap(failure.Exists, err, "put %s in store %s: it is there with other content", key, s.Name())
	}
	return there, nil
}

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode object")
	}
	if len(body) > maxObjectBytes {
		return nil, failure.New(failure.Internal, "object is %d bytes long, at most %d are allowed", len(body), maxObjectBytes)
	}
	return body, nil
}

// get reads the object key of one store into v.
func get(ctx context.Context, s store.Store, key string, v any) error {
	r, _, err := s.Get(ctx, key, store.GetOptions{})
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "get %s from store %s", key, s.Name())
	}
	body, err := io.ReadAll(io.LimitReader(r, maxObjectBytes+1))
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "read %s from store %s", key, s.Name())
	}
	if len(body) > maxObjectBytes {
		return failure.New(failure.Corrupt, "%s in store %s is longer than %d bytes", key, s.Name(), maxObjectBytes)
	}
	return failure.Wrap(failure.Corrupt, json.Unmarshal(body, v), "decode %s from store %s", key, s.Name())
}
