package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Delete implements store.Store. Run twice, the second finds nothing and succeeds.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if version == "" && s.capabilities.Versions {
		return failure.Invalid("version", "is missing: deleting %s without one would only hide it", key)
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), VersionId: optional(version),
	})
	if err == nil || (statusOf(err) == http.StatusNotFound && codeOf(err) != "NoSuchBucket") {
		return nil
	}
	return s.classed(ctx, err, "delete %s version %q", key, version)
}

// ExtendLock implements store.Store. A lock that ends later already is left.
func (s *Store) ExtendLock(ctx context.Context, key, version string, until time.Time) error {
	if !s.capabilities.Locks {
		return failure.New(failure.InvalidInput, "bucket %s of store %s has no object lock", s.cfg.Bucket, s.cfg.Name).
			WithHint("object lock is switched on when a bucket is created")
	}
	obj, err := s.Stat(ctx, key, version)
	if err != nil {
		return err
	}
	until = ceilSecond(until)
	if !obj.LockedUntil.Before(until) {
		return nil
	}
	_, err = s.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), VersionId: optional(version),
		Retention:         &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: &until},
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	if err != nil {
		return s.classed(ctx, err, "lock %s version %q until %s", key, version, until.Format(time.RFC3339))
	}
	return nil
}
