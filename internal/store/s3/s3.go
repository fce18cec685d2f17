package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Store is one bucket. See the package documentation.
type Store struct {
	cfg          Config
	client       *s3.Client
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
	s := &Store{cfg: cfg, client: client}
	if cfg.Assume != nil {
		s.capabilities = *cfg.Assume
		return s, nil
	}
	s.capabilities, err = s.probe(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements store.Store.
func (s *Store) Name() string { return s.cfg.Name }

// Capabilities implements store.Store, as the bucket was when it was opened.
func (s *Store) Capabilities() store.Capabilities { return s.capabilities }

// probe asks for versioning and object lock. A provider that does not know the
// question does not have the feature; one that refuses the answer is an error,
// since a store taken for unlocked would be written without locks.
func (s *Store) probe(ctx context.Context) (store.Capabilities, error) {
	found := store.Capabilities{Provider: "s3"}
	versioning, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &s.cfg.Bucket})
	switch {
	case err == nil:
		found.Versions = versioning.Status == types.BucketVersioningStatusEnabled
	case !unsupported(err):
		return found, s.probeFailed(ctx, err, "s3:GetBucketVersioning")
	}
	lock, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &s.cfg.Bucket})
	switch {
	case err == nil:
		found.Locks = lock.ObjectLockConfiguration != nil &&
			lock.ObjectLockConfiguration.ObjectLockEnabled == types.ObjectLockEnabledEnabled
	case !unsupported(err) && codeOf(err) != "ObjectLockConfigurationNotFoundError":
		return found, s.probeFailed(ctx, err, "s3:GetBucketObjectLockConfiguration")
	}
	return found, nil
}

func (s *Store) probeFailed(ctx context.Context, err error, permission string) error {
	classed := s.classed(ctx, err, "open store")
	if classed.Class == failure.Forbidden {
		return classed.WithHint("check the credentials of store %s, and allow them %s on bucket %s", s.cfg.Name, permission, s.cfg.Bucket)
	}
	return classed
}

func unsupported(err error) bool {
	status := statusOf(err)
	return status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed
}

// key is the object's name in the bucket.
func (s *Store) key(key string) *string {
	full := s.cfg.Prefix + key
	return &full
}

// optional turns "" into the SDK's nil.
func optional(version string) *string {
	if version == "" {
		return nil
	}
	return &version
}

// Close releases the idle connections.
func (s *Store) Close() error {
	if client, ok := s.client.Options().HTTPClient.(*http.Client); ok {
		client.CloseIdleConnections()
	}
	return nil
}
