package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// startStores starts one S3 and one GCS server and makes the plan's buckets
// there; stores in directories get a directory. These two servers run as this
// process's user: nothing else reads their files.
func (s *Stack) startStores(ctx context.Context) error {
	var err error
	for _, name := range []string{"s3", "gcs"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o700); err != nil {
			return failure.Wrap(failure.Forbidden, err, "make the directory of store %s", name)
		}
	}
	if s.S3, err = objectstore.StartS3(ctx, filepath.Join(s.Dir, "s3")); err != nil {
		return err
	}
	s.GCS, err = objectstore.StartGCS(ctx, filepath.Join(s.Dir, "gcs"), objectstore.GCSOptions{
		Memory: !s.options.PersistGCS,
		Public: func(address string) (string, error) { return s.options.Between(StoreGCS, address) },
	})
	if err != nil {
		return err
	}
	before, err := s.options.Between(StoreS3, strings.TrimPrefix(s.S3.Endpoint, "http://"))
	if err != nil {
		return err
	}
	for i := range s.Plan.Stores {
		if err := s.makeBucket(ctx, &s.Plan.Stores[i], "http://"+before); err != nil {
			return err
		}
	}
	return nil
}

// makeBucket makes one store's bucket and points the plan at it. Clients find the
// S3 server at s3.
func (s *Stack) makeBucket(ctx context.Context, one *plan.Store, s3 string) error {
	switch one.Provider {
	case plan.StoreS3:
		one.Endpoint, one.Region, one.PathStyle = s3, s.S3.Region, true
		one.AccessKey, one.SecretKey = s.secretRef("s3-access"), s.secretRef("s3-secret")
		if err := s.write(s.secretFile("s3-access"), s.S3.AccessKey, 0o600); err != nil {
			return err
		}
		if err := s.write(s.secretFile("s3-secret"), s.S3.SecretKey.Reveal(), 0o600); err != nil {
			return err
		}
		return s.S3.CreateBucket(ctx, one.Bucket, true)
	case plan.StoreGCS:
		// The emulator enforces no retention; a lock it ignores would be a lie.
		one.Endpoint, one.Anonymous, one.Lock = s.GCS.Endpoint, true, plan.Lock{}
		return s.GCS.CreateBucket(ctx, one.Bucket, !s.options.PersistGCS)
	case plan.StoreFile:
		one.Path = filepath.Join(s.Dir, "store-"+one.Name)
		return s.account.MkdirAll(one.Path)
	default:
		return failure.Invalid("stores", "store %s is at provider %q, which the stack cannot start", one.Name, one.Provider)
	}
}
