package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

func putGetStat(ctx context.Context, target Target, prefix string) error {
	s, key, data := target.Store, prefix+"object", body(1, smallBytes)
	made, err := put(ctx, s, key, data)
	if err != nil {
		return err
	}
	if err := expectBytes(ctx, s, key, made.Version, data); err != nil {
		return err
	}
	stat, err := s.Stat(ctx, key, made.Version)
	if err != nil {
		return err
	}
	_, second := made.Modified.Zone()
	return errors.Join(
		expect(made == stat, "Put says %+v, Stat says %+v", made, stat),
		expect(stat.Key == key && stat.SizeBytes == smallBytes, "Stat says key %q, %d bytes", stat.Key, stat.SizeBytes),
		expect(stat.SHA256 == store.DigestOf(data), "recorded digest is %s", stat.SHA256),
		expect(stat.Latest && !stat.DeleteMarker, "Stat says %+v", stat),
		expect(!stat.Modified.IsZero() && second == 0, "time %s is missing or not UTC", stat.Modified),
		listedLike(ctx, s, stat),
	)
}

// listedLike compares a listing's entry with Stat. Listings may round times.
func listedLike(ctx context.Context, s store.Store, want store.Object) error {
	for _, versions := range []bool{false, true} {
		count := 0
		for got, err := range s.List(ctx, want.Key, store.ListOptions{Versions: versions}) {
			if err != nil {
				return err
			}
			count++
			same := got.Key == want.Key && got.SizeBytes == want.SizeBytes && got.Latest && !got.DeleteMarker
			near := got.Modified.Sub(want.Modified).Abs() < 2*time.Second
			// A plain S3 listing does not say versions.
			if version := got.Version == want.Version || (!versions && got.Version == ""); !same || !near || !version {
				return fmt.Errorf("listed as %+v, Stat says %+v", got, want)
			}
		}
		if count != 1 {
			return fmt.Errorf("listed %d times (versions: %v), want once", count, versions)
		}
	}
	return nil
}

func neverOverwritten(ctx context.Context, target Target, prefix string) error {
	s, key, data := target.Store, prefix+"object", body(2, smallBytes)
	made, err := put(ctx, s, key, data)
	if err != nil {
		return err
	}
	_, sameErr := put(ctx, s, key, data)
	_, otherErr := put(ctx, s, key, body(3, smallBytes))
	return errors.Join(
		expectClass("put the same again", sameErr, failure.Exists),
		expectClass("put other bytes", otherErr, failure.Exists),
		expectBytes(ctx, s, key, "", data),
		expectBytes(ctx, s, key, made.Version, data),
	)
}

func oneWriterWins(ctx context.Context, target Target, prefix string) error {
	const writers = 12
	s, key := target.Store, prefix+"contended"
	var group sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		group.Go(func() { _, errs[i] = put(ctx, s, key, body(byte(i), smallBytes)) })
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			return fmt.Errorf("writers %d and %d both succeeded", winner, i)
		case err == nil:
			winner = i
		case !failure.Is(err, failure.Exists):
			return fmt.Errorf("writer %d lost with class %s: %w", i, failure.ClassOf(err), err)
		}
	}
	if winner < 0 {
		return fmt.Errorf("no writer succeeded: %w", errs[0])
	}
	return expectBytes(ctx, s, key, "", body(byte(winner), smallBytes))
}

func wrongDigest(ctx context.Context, target Target, prefix string) error {
	s, key, data := target.Store, prefix+"object", body(4, smallBytes)
	opts := optionsFor(data)
	opts.SHA256[0] ^= 1
	_, err := s.Put(ctx, key, bytes.NewReader(data), opts)
	if err := expectClass("put under a wrong digest", err, failure.Corrupt); err != nil {
		return err
	}
	_, err = s.Stat(ctx, key, "")
	return expectClass("stat what was refused", err, failure.NotFound)
}

// otherBody announces one body with both checksums and sends another of its length.
func otherBody(ctx context.Context, target Target, prefix string) error {
	announced, sent := body(4, smallBytes), body(5, smallBytes)
	opts, sum := optionsFor(announced), crc32.Checksum(announced, store.Castagnoli())
	opts.CRC32C = &sum
	_, err := target.Store.Put(ctx, prefix+"other", bytes.NewReader(sent), opts)
	if err := expectClass("put of another body than announced", err, failure.Corrupt); err != nil {
		return err
	}
	_, err = target.Store.Put(ctx, prefix+"announced", bytes.NewReader(announced), opts)
	return err
}

func badInput(ctx context.Context, target Target, prefix string) error {
	data := body(5, 1)
	long := strings.Repeat("x", store.MaxSegmentBytes) + "/"
	for _, key := range []string{
		"", "/absolute", "a//b", "a/", "./a", "a/../b", "..", "a\x00b", "a\nb", "a\u0085b", "\xff",
		strings.Repeat("x", store.MaxSegmentBytes+1), strings.Repeat(long, 4),
	} {
		_, putErr := put(ctx, target.Store, key, data)
		_, _, getErr := get(ctx, target.Store, key, store.GetOptions{})
		_, statErr := target.Store.Stat(ctx, key, "")
		for _, err := range []error{putErr, getErr, statErr, target.Store.Delete(ctx, key, "x")} {
			if err := expectClass(fmt.Sprintf("key %.40q", key), err, failure.InvalidInput); err != nil {
				return err
			}
		}
	}
	_, noDigest := target.Store.Put(ctx, prefix+"a", bytes.NewReader(data), store.PutOptions{SizeBytes: 1})
	_, _, negative := get(ctx, target.Store, prefix+"a", store.GetOptions{Offset: -1})
	return errors.Join(
		expectClass("put without digest", noDigest, failure.InvalidInput),
		expectClass("get from a negative offset", negative, failure.InvalidInput),
	)
}

func emptyObject(ctx context.Context, target Target, prefix string) error {
	made, err := put(ctx, target.Store, prefix+"empty", nil)
	if err != nil {
		return err
	}
	return errors.Join(
		expect(made.SizeBytes == 0 && made.SHA256 == store.DigestOf(nil), "Put says %+v", made),
		expectBytes(ctx, target.Store, prefix+"empty", made.Version, nil),
	)
}

func missing(ctx context.Context, target Target, prefix string) error {
	s, key := target.Store, prefix+"nothing"
	_, _, getErr := get(ctx, s, key, store.GetOptions{})
	_, statErr := s.Stat(ctx, key, "")
	found, listErr := keys(ctx, s, prefix, store.ListOptions{})
	return errors.Join(listErr,
		expectClass("get", getErr, failure.NotFound),
		expectClass("stat", statErr, failure.NotFound),
		expect(len(found) == 0, "listed %q", found),
	)
}

func deleted(ctx context.Context, target Target, prefix string) error {
	s, key := target.Store, prefix+"object"
	made, err := put(ctx, s, key, body(6, smallBytes))
	if err != nil {
		return err
	}
	if s.Capabilities().Versions {
		if err := expectClass("delete without a version", s.Delete(ctx, key, ""), failure.InvalidInput); err != nil {
			return err
		}
	}
	for range 2 { // the second time there is nothing to delete
		if err := s.Delete(ctx, key, made.Version); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	_, statErr := s.Stat(ctx, key, "")
	left, err := keys(ctx, s, prefix, store.ListOptions{Versions: true})
	if err != nil {
		return err
	}
	if _, err := put(ctx, s, key, body(7, smallBytes)); err != nil {
		return fmt.Errorf("put again after delete: %w", err)
	}
	return errors.Join(
		expectClass("stat", statErr, failure.NotFound),
		expect(len(left) == 0, "still listed: %q", left),
	)
}

func cancelled(ctx context.Context, target Target, prefix string) error {
	s, data := target.Store, body(8, smallBytes)
	if _, err := put(ctx, s, prefix+"there", data); err != nil {
		return err
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, putErr := put(ended, s, prefix+"new", data)
	_, _, getErr := get(ended, s, prefix+"there", store.GetOptions{})
	_, statErr := s.Stat(ended, prefix+"there", "")
	_, listErr := keys(ended, s, prefix, store.ListOptions{})
	for _, err := range []error{putErr, getErr, statErr, listErr} {
		if !errors.Is(err, context.Canceled) || !failure.Is(err, failure.Unavailable) {
			return fmt.Errorf("a cancelled call ended in class %s: %w", failure.ClassOf(err), orNil(err))
		}
	}
	_, err := s.Stat(ctx, prefix+"new", "")
	return expectClass("stat what was cancelled", err, failure.NotFound)
}
