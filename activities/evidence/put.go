package evidence

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// maxObjectBytes bounds every object of this package, written or read.
const maxObjectBytes = 16 << 20

// putEverywhere writes v as JSON to every store at once; see package replicate.
func (a *Activities) putEverywhere(ctx context.Context, key string, v any, until time.Time) (Where, error) {
	body, err := encode(v)
	if err != nil {
		return Where{}, err
	}
	copies, err := replicate.Put(ctx, a.Stores, key, body, until)
	return Where{Key: key, Stores: copies.Stores, Missing: copies.Missing}, err
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
