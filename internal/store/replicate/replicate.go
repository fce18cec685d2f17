package replicate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Copies says which stores hold an object that was put.
type Copies struct {
	Key     string       `json:"key"`
	SHA256  store.Digest `json:"sha256"`
	Stores  []string     `json:"stores"`
	Missing []string     `json:"missing,omitempty"` // that would not take it
}

// grace is how long the other stores are waited for once one has taken an object. A
// store that drops every packet would hold up for minutes what one store is enough for.
const grace = 20 * time.Second

// Put creates key with body in every store. until locks it where stores have
// locks; zero does not. It fails when no store took it. Stores that have not answered
// twenty seconds after the first took it are missing it.
func Put(ctx context.Context, stores []store.Store, key string, body []byte, until time.Time) (Copies, error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	errs := make([]error, len(stores))
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() {
			if _, errs[i] = PutOnce(ctx, s, key, body, until); errs[i] == nil {
				time.AfterFunc(grace, giveUp)
			}
		})
	}
	all.Wait()
	copies := Copies{Key: key, SHA256: store.DigestOf(body)}
	for i, s := range stores {
		switch {
		case errs[i] == nil:
			copies.Stores = append(copies.Stores, s.Name())
		case failure.Is(errs[i], failure.Exists): // other bytes under this name: never go on
			return copies, errs[i]
		default:
			copies.Missing = append(copies.Missing, s.Name())
		}
	}
	if len(copies.Stores) == 0 {
		return copies, failure.Wrap(failure.Unavailable, errors.Join(errs...), "put %s in any store", key)
	}
	return copies, nil
}

// PutOnce creates key with body in one store and returns the object there. When it
// is there already with the same bytes, it counts as written: the call ran twice.
func PutOnce(ctx context.Context, s store.Store, key string, body []byte, until time.Time) (store.Object, error) {
	opts := store.Describe(body)
	opts.RetainUntil = until
	object, err := s.Put(ctx, key, bytes.NewReader(body), opts)
	if !failure.Is(err, failure.Exists) {
		return object, failure.Wrap(failure.ClassOf(err), err, "put %s in store %s", key, s.Name())
	}
	there, statErr := s.Stat(ctx, key, "")
	if statErr != nil {
		return there, failure.Wrap(failure.ClassOf(statErr), statErr, "look at %s in store %s", key, s.Name())
	}
	if there.SHA256 != opts.SHA256 {
		return there, failure.Wrap(failure.Exists, err, "%s is in store %s with other content", key, s.Name())
	}
	return there, nil
}

// Get returns key's bytes from the first store that has them whole. want, unless
// zero, is what they must hash to: a store with other bytes is passed over. The
// error joins what every store said, and is NotFound only when all said so.
func Get(ctx context.Context, stores []store.Store, key string, want store.Digest, limitBytes int64) ([]byte, error) {
	var errs []error
	absent := true
	for _, s := range stores {
		body, err := getFrom(ctx, s, key, want, limitBytes)
		if err == nil {
			return body, nil
		}
		absent = absent && failure.Is(err, failure.NotFound)
		errs = append(errs, err)
	}
	class := failure.Unavailable
	switch {
	case absent:
		class = failure.NotFound
	case len(errs) > 0 && failure.Is(errs[0], failure.Corrupt):
		class = failure.Corrupt
	}
	return nil, failure.Wrap(class, errors.Join(errs...), "get %s from any store", key)
}

func getFrom(ctx context.Context, s store.Store, key string, want store.Digest, limitBytes int64) ([]byte, error) {
	reader, _, err := s.Get(ctx, key, store.GetOptions{})
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "get %s from store %s", key, s.Name())
	}
	body, err := io.ReadAll(io.LimitReader(reader, limitBytes+1))
	if closeErr := reader.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err != nil:
		return nil, failure.Wrap(failure.ClassOf(err), err, "read %s from store %s", key, s.Name())
	case int64(len(body)) > limitBytes:
		return nil, failure.New(failure.Corrupt, "%s in store %s is longer than %d bytes", key, s.Name(), limitBytes)
	case !want.IsZero() && store.DigestOf(body) != want:
		return nil, failure.New(failure.Corrupt, "%s in store %s is not the object that was asked for", key, s.Name())
	}
	return body, nil
}
