package gcs

import (
	"context"
	"errors"
	"strconv"
	"time"

	"cloud.google.com/go/storage"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// lockMode is the retention mode nobody can shorten or lift.
const lockMode = "Locked"

// Store is one bucket. See the package documentation.
type Store struct {
	cfg          Config
	client       *storage.Client
	bucket       *storage.BucketHandle
	capabilities store.Capabilities
}

var _ store.Store = (*Store)(nil)

// Open connects to the bucket and asks what it can do. It changes nothing.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	client, err := NewClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, client: client, bucket: client.Bucket(cfg.Bucket)}
	if cfg.Assume != nil {
		s.capabilities = *cfg.Assume
		return s, nil
	}
	attrs, err := s.bucket.Attrs(ctx)
	if err != nil {
		return nil, errors.Join(s.classed(ctx, err, "open store"), client.Close())
	}
	s.capabilities = store.Capabilities{
		Provider: "gcs", Versions: attrs.VersioningEnabled, Locks: attrs.ObjectRetentionMode == "Enabled",
	}
	return s, nil
}

// Close releases the client's connections.
func (s *Store) Close() error { return s.client.Close() }

// Name implements store.Store.
func (s *Store) Name() string { return s.cfg.Name }

// Capabilities implements store.Store, as the bucket was when it was opened.
func (s *Store) Capabilities() store.Capabilities { return s.capabilities }

// object is the handle of one generation, or of the newest when version is "".
func (s *Store) object(key, version string) (*storage.ObjectHandle, error) {
	handle := s.bucket.Object(s.cfg.Prefix + key)
	if version == "" {
		return handle, nil
	}
	generation, err := strconv.ParseInt(version, 10, 64)
	if err != nil || generation <= 0 {
		return nil, failure.New(failure.NotFound, "%s has no version %.80q in store %s: a generation is a number", key, version, s.cfg.Name)
	}
	return handle.Generation(generation), nil
}

// Delete implements store.Store. Run twice, the second finds nothing and succeeds.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if version == "" && s.capabilities.Versions {
		return failure.Invalid("version", "is missing: deleting %s without one would only hide it", key)
	}
	handle, err := s.object(key, version)
	if err != nil {
		return err
	}
	err = handle.Delete(ctx)
	if err == nil || errors.Is(err, storage.ErrObjectNotExist) {
		return nil
	}
	return s.classed(ctx, err, "delete %s version %q", key, version)
}

// ExtendLock implements store.Store. A lock that ends later already is left.
func (s *Store) ExtendLock(ctx context.Context, key, version string, until time.Time) error {
	if !s.capabilities.Locks {
		return failure.New(failure.InvalidInput, "bucket %s of store %s has no object retention", s.cfg.Bucket, s.cfg.Name).
			WithHint("gcloud storage buckets update gs://%s --enable-per-object-retention", s.cfg.Bucket)
	}
	obj, err := s.Stat(ctx, key, version)
	if err != nil || !obj.LockedUntil.Before(until) {
		return err
	}
	handle, err := s.object(key, version)
	if err != nil {
		return err
	}
	_, err = handle.Update(ctx, storage.ObjectAttrsToUpdate{
		Retention: &storage.ObjectRetention{Mode: lockMode, RetainUntil: until.UTC()},
	})
	if err != nil {
		return s.classed(ctx, err, "lock %s version %q until %s", key, version, until.UTC().Format(time.RFC3339))
	}
	return nil
}
