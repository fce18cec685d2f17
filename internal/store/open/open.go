package open

import (
	"context"
	"io"
	"os"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/store/gcs"
	"github.com/terragonlabs/holdfast/internal/store/s3"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/rival"
)

// The providers, as Config and store.Capabilities name them.
const (
	S3   = "s3"
	GCS  = "gcs"
	File = "file"
)

// Config describes one store. References are env:NAME or file:/path.
type Config struct {
	Name     string // in the plan
	Provider string // S3, GCS or File
	Bucket   string // S3 and GCS
	Dir      string // File
	Prefix   string // put before every key; may be empty

	Endpoint  string // S3 and GCS: instead of the provider's own
	Region    string // S3
	PathStyle bool   // S3
	CAFile    string // S3 and GCS: PEM certificates to trust instead of the system's

	// S3 credentials; without AccessKey the AWS default chain.
	AccessKey    string // reference
	SecretKey    string // reference
	SessionToken string // reference

	// GCS credentials; without any the Google default chain.
	Credentials string // reference to a key file
	Anonymous   bool   // for emulators

	// Assume spares S3 and GCS the question what the bucket can do.
	Assume *store.Capabilities
}

// Store is an open store. The caller closes it.
type Store interface {
	store.Store
	io.Closer
}

// Open opens the store that cfg describes. A bucket or directory that is missing
// is failure.NotFound; nothing is created.
func Open(ctx context.Context, cfg Config) (Store, error) {
	switch cfg.Provider {
	case S3:
		resolved, err := s3Config(cfg)
		if err != nil {
			return nil, err
		}
		return closed(s3.Open(ctx, resolved))
	case GCS:
		resolved, err := gcsConfig(cfg)
		if err != nil {
			return nil, err
		}
		return closed(gcs.Open(ctx, resolved))
	case File:
		return closed(file.Open(file.Config{Name: cfg.Name, Dir: cfg.Dir, Prefix: cfg.Prefix}))
	default:
		return nil, unknownProvider(cfg)
	}
}

// Anyway is Open for what must go on while a store is down: one that does not answer
// is open all the same, and taken for one that keeps versions, and locks where locked
// says so. What is asked of it fails until it answers.
func Anyway(ctx context.Context, cfg Config, locked bool) (Store, error) {
	opened, err := Open(ctx, cfg)
	if !failure.Is(err, failure.Unavailable) {
		return opened, err
	}
	cfg.Assume = &store.Capabilities{Provider: cfg.Provider, Versions: true, Locks: locked}
	return Open(ctx, cfg)
}

// Rival returns the attacker of the conformance suite for the store that cfg
// describes, or nil for a directory, which has no second client.
func Rival(ctx context.Context, cfg Config) (storetest.Rival, error) {
	switch cfg.Provider {
	case S3:
		resolved, err := s3Config(cfg)
		if err != nil {
			return nil, err
		}
		return rival.S3(ctx, resolved)
	case GCS:
		resolved, err := gcsConfig(cfg)
		if err != nil {
			return nil, err
		}
		return rival.GCS(ctx, resolved)
	case File:
		return nil, nil //nolint:nilnil // the suite reads a nil rival as "nobody to play the attacker"
	default:
		return nil, unknownProvider(cfg)
	}
}

// closed keeps a typed nil from becoming a non-nil interface.
func closed[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func unknownProvider(cfg Config) error {
	return failure.Invalid("provider", "of store %s is %q, want %s, %s or %s", cfg.Name, cfg.Provider, S3, GCS, File)
}

func s3Config(cfg Config) (s3.Config, error) {
	var r resolver
	resolved := s3.Config{
		Name: cfg.Name, Bucket: cfg.Bucket, Prefix: cfg.Prefix, Region: cfg.Region, Endpoint: cfg.Endpoint,
		PathStyle: cfg.PathStyle, CAPEM: r.file(cfg.CAFile), AccessKey: r.secret(cfg.AccessKey).Reveal(),
		SecretKey: r.secret(cfg.SecretKey), SessionToken: r.secret(cfg.SessionToken), Assume: cfg.Assume,
	}
	return resolved, failure.Wrap(failure.ClassOf(r.err), r.err, "read settings of store %s", cfg.Name)
}

func gcsConfig(cfg Config) (gcs.Config, error) {
	var r resolver
	resolved := gcs.Config{
		Name: cfg.Name, Bucket: cfg.Bucket, Prefix: cfg.Prefix, Endpoint: cfg.Endpoint, CAPEM: r.file(cfg.CAFile),
		CredentialsJSON: r.secret(cfg.Credentials), Anonymous: cfg.Anonymous, Assume: cfg.Assume,
	}
	return resolved, failure.Wrap(failure.ClassOf(r.err), r.err, "read settings of store %s", cfg.Name)
}

// resolver keeps the first error of several readings.
type resolver struct{ err error }

func (r *resolver) secret(reference string) config.Secret {
	secret, err := config.Resolve(reference)
	r.keep(err)
	return secret
}

func (r *resolver) file(path string) []byte {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.keep(failure.Wrap(failure.NotFound, err, "read CA file"))
	}
	return content
}

func (r *resolver) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}
