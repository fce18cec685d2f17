package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

const defaultBigBytes = 80 << 20

func bigObject(ctx context.Context, target Target, prefix string) error {
	s, size := target.Store, target.BigBytes
	if size == 0 {
		size = defaultBigBytes
	}
	data := body(9, size+13) // a last piece of odd size
	key := prefix + "big"
	opts := optionsFor(data)
	opts.SHA256[31] ^= 1
	_, err := s.Put(ctx, key, bytes.NewReader(data), opts)
	if err := expectClass("put under a wrong digest", err, failure.Corrupt); err != nil {
		return err
	}
	made, err := put(ctx, s, key, data)
	if err != nil {
		return err
	}
	_, again := put(ctx, s, key, data)
	stat, err := s.Stat(ctx, key, made.Version)
	return errors.Join(err,
		expect(stat.SHA256 == store.DigestOf(data) && stat.SizeBytes == int64(len(data)), "Stat says %+v", stat),
		expectClass("put again", again, failure.Exists),
		expectBytes(ctx, s, key, made.Version, data),
	)
}

func rangedReads(ctx context.Context, target Target, prefix string) error {
	const size, piece = 1 << 20, 64 << 10
	s, key, data := target.Store, prefix+"object", body(10, size)
	made, err := put(ctx, s, key, data)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	errs := make([]error, size/piece)
	for i := range errs {
		group.Go(func() {
			at := int64(i) * piece
			errs[i] = expectRange(ctx, s, key, made.Version, at, piece, data[at:at+piece])
		})
	}
	group.Wait()
	return errors.Join(errors.Join(errs...),
		expectRange(ctx, s, key, made.Version, 0, 1, data[:1]),
		expectRange(ctx, s, key, made.Version, size-1, 1, data[size-1:]),
		expectRange(ctx, s, key, made.Version, 100, 0, data[100:]),
		expectRange(ctx, s, key, made.Version, size-10, 1000, data[size-10:]),
		expectRange(ctx, s, key, made.Version, size, 0, nil),
		expectRange(ctx, s, key, made.Version, size+5, 10, nil),
	)
}

func expectRange(ctx context.Context, s store.Store, key, version string, offset, length int64, want []byte) error {
	got, obj, err := get(ctx, s, key, store.GetOptions{Version: version, Offset: offset, LengthBytes: length})
	if err != nil {
		return fmt.Errorf("get %d bytes from %d: %w", length, offset, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("get %d bytes from %d gave %d other bytes", length, offset, len(got))
	}
	return expect(obj.SizeBytes == 1<<20, "a ranged Get says the object has %d bytes", obj.SizeBytes)
}

// damaged forges an object whose bytes are not what its recorded digest says.
func damaged(ctx context.Context, target Target, prefix string) error {
	rival, err := rivalOf(target)
	if err != nil {
		return err
	}
	key, data := prefix+"object", body(11, smallBytes)
	digest := store.DigestOf(data)
	data[smallBytes/2] ^= 1
	if err := rival.Overwrite(ctx, key, data, digest); err != nil {
		return fmt.Errorf("forge: %w", err)
	}
	_, _, err = get(ctx, target.Store, key, store.GetOptions{})
	return expectClass("get a damaged object", err, failure.Corrupt)
}
