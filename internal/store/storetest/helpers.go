package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// smallBytes is a size no store sends in pieces.
const smallBytes = 4096

// body returns n bytes that do not compress and differ by seed.
func body(seed byte, n int64) []byte {
	source := rand.NewChaCha8([32]byte{seed})
	data := make([]byte, n)
	source.Read(data) //nolint:errcheck // documented never to fail
	return data
}

// put puts data under its right digest.
func put(ctx context.Context, s store.Store, key string, data []byte) (store.Object, error) {
	obj, err := s.Put(ctx, key, bytes.NewReader(data), optionsFor(data))
	if err != nil {
		return obj, fmt.Errorf("put %s: %w", key, err)
	}
	return obj, nil
}

func optionsFor(data []byte) store.PutOptions {
	return store.PutOptions{SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)}
}

// get reads all that opts select.
func get(ctx context.Context, s store.Store, key string, opts store.GetOptions) ([]byte, store.Object, error) {
	r, obj, err := s.Get(ctx, key, opts)
	if err != nil {
		return nil, obj, err
	}
	data, err := io.ReadAll(r)
	return data, obj, errors.Join(err, r.Close())
}

// expectBytes reads key, at a version, and compares.
func expectBytes(ctx context.Context, s store.Store, key, version string, want []byte) error {
	got, _, err := get(ctx, s, key, store.GetOptions{Version: version})
	if err != nil {
		return fmt.Errorf("get %s version %q: %w", key, version, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("get %s version %q gave %d bytes that are not the %d put", key, version, len(got), len(want))
	}
	return nil
}

// expectClass turns the wrong class of error, or no error, into one.
func expectClass(what string, err error, want failure.Class) error {
	if got := failure.ClassOf(err); got != want {
		return fmt.Errorf("%s: got class %q (%w), want %q", what, got, orNil(err), want)
	}
	return nil
}

func orNil(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

func expect(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// keys lists all keys below prefix.
func keys(ctx context.Context, s store.Store, prefix string, opts store.ListOptions) ([]string, error) {
	var found []string
	for obj, err := range s.List(ctx, prefix, opts) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		found = append(found, obj.Key)
	}
	return found, nil
}

func rivalOf(target Target) (Rival, error) {
	if target.Rival == nil {
		return nil, &NotShownError{Reason: "no second client to play the attacker"}
	}
	return target.Rival, nil
}
