package s3

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/transport"
)

const (
	// DefaultThresholdBytes: larger bodies are sent in pieces. Above the size of a
	// backup's parts, which are then one request each.
	DefaultThresholdBytes = 96 << 20
	// DefaultPieceBytes is the size of a piece; S3 allows 5 MiB to 5 GiB.
	DefaultPieceBytes = 16 << 20
	// DefaultConcurrency is how many pieces of one body are sent at once. It and
	// the piece's size bound the memory of a Put: 64 MiB.
	DefaultConcurrency = 4

	minPieceBytes = 5 << 20
	maxPieces     = 10_000 // S3's limit
	maxAttempts   = 6
	maxBackoff    = 10 * time.Second
)

// Config says which bucket, and how to reach it.
type Config struct {
	Name      string // of the store in the plan
	Bucket    string
	Prefix    string // put before every key; may be empty
	Region    string // empty: from the AWS environment
	Endpoint  string // empty: AWS's own
	PathStyle bool   // http://endpoint/bucket/key, for most other providers
	CAPEM     []byte // certificates to trust instead of the system's; may be empty

	// Credentials; without AccessKey the AWS default chain is used (environment,
	// shared files, container and instance roles).
	AccessKey    string
	SecretKey    config.Secret
	SessionToken config.Secret

	ThresholdBytes int64 // 0 means DefaultThresholdBytes
	PieceBytes     int64 // 0 means DefaultPieceBytes
	Concurrency    int   // 0 means DefaultConcurrency

	// Assume spares Open asking the bucket what it can do, for callers that asked
	// lately.
	Assume *store.Capabilities
}

func (c Config) validated() (Config, error) {
	if c.Bucket == "" {
		return c, failure.Invalid("bucket", "is missing in store %s", c.Name)
	}
	if c.Prefix != "" {
		if err := store.CheckKey(c.Prefix); err != nil {
			return c, err
		}
		c.Prefix += "/"
	}
	if c.AccessKey != "" && c.SecretKey.IsZero() {
		return c, failure.Invalid("secret_key", "is missing in store %s", c.Name)
	}
	c.ThresholdBytes = orDefault(c.ThresholdBytes, DefaultThresholdBytes)
	c.PieceBytes = orDefault(c.PieceBytes, DefaultPieceBytes)
	c.Concurrency = orDefault(c.Concurrency, DefaultConcurrency)
	if c.PieceBytes < minPieceBytes {
		return c, failure.Invalid("piece_bytes", "is %d, S3 wants at least %d", c.PieceBytes, minPieceBytes)
	}
	return c, nil
}

func orDefault[T int | int64](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// NewClient returns a client as Open makes it: tuned, and with the credentials
// and trust that cfg names.
func NewClient(ctx context.Context, cfg Config) (*s3.Client, error) {
	var options []func(*awsconfig.LoadOptions) error
	if cfg.Region != "" {
		options = append(options, awsconfig.WithRegion(cfg.Region))
	}
	if cfg.AccessKey != "" {
		options = append(options, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			cfg.AccessKey, cfg.SecretKey.Reveal(), cfg.SessionToken.Reveal())))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, failure.Wrap(failure.InvalidInput, err, "load AWS settings of store %s", cfg.Name)
	}
	if loaded.Region == "" {
		return nil, failure.Invalid("region", "is missing in store %s, and AWS_REGION is not set", cfg.Name)
	}
	roots, err := transport.RootCAs(cfg.CAPEM)
	if err != nil {
		return nil, err
	}
	if roots == nil {
		roots = environmentRoots(loaded)
	}
	return s3.NewFromConfig(loaded, func(o *s3.Options) { tune(o, cfg, roots) }), nil
}

func tune(o *s3.Options, cfg Config, roots *x509.CertPool) {
	patience := &transport.Patience{}
	o.HTTPClient = &http.Client{
		Transport: patience.Watch(transport.New(transport.Options{RootCAs: roots})),
		// A redirect means the wrong region; following it would drop the signature.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	o.UsePathStyle = cfg.PathStyle
	if cfg.Endpoint != "" {
		o.BaseEndpoint = &cfg.Endpoint
	}
	// Checksums are sent explicitly, and whole objects verified by their SHA-256:
	// the SDK's own CRC would be a second pass over the same bytes.
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts, r.MaxBackoff = maxAttempts, maxBackoff
		r.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(error) aws.Ternary {
			if patience.Over() {
				return aws.FalseTernary
			}
			return aws.UnknownTernary // the SDK's own list says
		})}, r.Retryables...)
		// The SDK's token bucket ends retries for all transfers after a burst of
		// failures, which is when a recovery needs them. Attempts stay bounded.
		r.RateLimiter = ratelimit.None
	})
}

// environmentRoots keeps AWS_CA_BUNDLE working with our own transport.
func environmentRoots(loaded aws.Config) *x509.CertPool {
	client, ok := loaded.HTTPClient.(*awshttp.BuildableClient)
	if !ok || client.GetTransport().TLSClientConfig == nil {
		return nil
	}
	return client.GetTransport().TLSClientConfig.RootCAs
}
