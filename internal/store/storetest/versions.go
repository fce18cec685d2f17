package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// versioned puts one object and returns it, with the rival to attack it.
func versioned(ctx context.Context, target Target, key string, data []byte) (store.Object, Rival, error) {
	if !target.Store.Capabilities().Versions {
		return store.Object{}, nil, &NotShownError{Reason: "the store keeps no versions"}
	}
	rival, err := rivalOf(target)
	if err != nil {
		return store.Object{}, nil, err
	}
	made, err := put(ctx, target.Store, key, data)
	if err == nil && made.Version == "" {
		err = errors.New("put gave no version")
	}
	return made, rival, err
}

func versionPinned(ctx context.Context, target Target, prefix string) error {
	s, key, data := target.Store, prefix+"object", body(12, smallBytes)
	made, rival, err := versioned(ctx, target, key, data)
	if err != nil {
		return err
	}
	forged := body(13, smallBytes)
	if err := rival.Overwrite(ctx, key, forged, store.DigestOf(forged)); err != nil {
		return fmt.Errorf("forge: %w", err)
	}
	stat, err := s.Stat(ctx, key, made.Version)
	if err != nil {
		return err
	}
	listed, err := versionsOf(ctx, s, key)
	if err != nil {
		return err
	}
	return errors.Join(
		expect(stat.SHA256 == made.SHA256, "the pinned version's digest changed"),
		expectBytes(ctx, s, key, made.Version, data),
		expectBytes(ctx, s, key, "", forged),
		expect(len(listed) == 2 && listed[1].Version == made.Version && listed[0].Latest && !listed[1].Latest,
			"versions listed: %+v, want the forged one first and latest, then %s", listed, made.Version),
	)
}

func versionHidden(ctx context.Context, target Target, prefix string) error {
	s, key, data := target.Store, prefix+"object", body(14, smallBytes)
	made, rival, err := versioned(ctx, target, key, data)
	if err != nil {
		return err
	}
	if err := rival.Hide(ctx, key); err != nil {
		return fmt.Errorf("hide: %w", err)
	}
	_, statErr := s.Stat(ctx, key, "")
	plain, plainErr := keys(ctx, s, prefix, store.ListOptions{})
	listed, listErr := versionsOf(ctx, s, key)
	seen := false
	for _, obj := range listed {
		if obj.Version == made.Version {
			seen = !obj.Latest && !obj.DeleteMarker
		}
	}
	return errors.Join(plainErr, listErr,
		expectClass("stat the newest", statErr, failure.NotFound),
		expect(len(plain) == 0, "the hidden key is listed without versions"),
		expect(seen, "version %s is not among %+v, or is said to be the latest", made.Version, listed),
		expectBytes(ctx, s, key, made.Version, data),
	)
}

func versionsOf(ctx context.Context, s store.Store, key string) ([]store.Object, error) {
	var found []store.Object
	for obj, err := range s.List(ctx, key, store.ListOptions{Versions: true}) {
		if err != nil {
			return nil, err
		}
		found = append(found, obj)
	}
	return found, nil
}

// How long the check's locks last, by the store's clock. Short, since the check
// has to wait for their end to remove what it wrote.
const (
	lockFirst    = 5 * time.Second
	lockExtended = 7 * time.Second
)

func locked(ctx context.Context, target Target, prefix string) error {
	s := target.Store
	if !s.Capabilities().Locks {
		return &NotShownError{Reason: "the store enforces no retention locks"}
	}
	probe, err := put(ctx, s, prefix+"clock", []byte("now"))
	if err != nil {
		return err
	}
	key, data := prefix+"locked", body(15, smallBytes)
	opts := optionsFor(data)
	opts.RetainUntil = probe.Modified.Add(lockFirst)
	made, err := s.Put(ctx, key, bytes.NewReader(data), opts)
	if err != nil {
		return fmt.Errorf("put with a lock: %w", err)
	}
	if err := expect(!made.LockedUntil.Before(opts.RetainUntil), "locked until %s, asked for %s", made.LockedUntil, opts.RetainUntil); err != nil {
		return err
	}
	if err := expectClass("delete a locked version", s.Delete(ctx, key, made.Version), failure.Forbidden); err != nil {
		return err
	}
	later := probe.Modified.Add(lockExtended)
	for _, until := range []time.Time{later, later, opts.RetainUntil} { // twice the same, then earlier
		if err := s.ExtendLock(ctx, key, made.Version, until); err != nil {
			return fmt.Errorf("extend lock: %w", err)
		}
		stat, err := s.Stat(ctx, key, made.Version)
		if err != nil {
			return err
		}
		if err := expect(!stat.LockedUntil.Before(later), "lock ends %s, was moved to %s", stat.LockedUntil, later); err != nil {
			return err
		}
	}
	return errors.Join(
		expectClass("delete a version with an extended lock", s.Delete(ctx, key, made.Version), failure.Forbidden),
		expectBytes(ctx, s, key, made.Version, data),
	)
}
