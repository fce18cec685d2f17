package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/transport"
)

const (
	// DefaultThresholdBytes: larger bodies are sent in chunks. Above the size of a
	// backup's parts, which are then one request each, straight from the body.
	DefaultThresholdBytes = 96 << 20
	// DefaultChunkBytes is how much of a larger body is sent, and after a failure sent
	// again, at once. It is also the memory such a Put takes.
	DefaultChunkBytes = 16 << 20

	maxAttempts    = 6
	firstBackoff   = 200 * time.Millisecond
	maxBackoff     = 10 * time.Second
	backoffFactor  = 2
	chunkRetryTime = 2 * time.Minute
)

// Config says which bucket, and how to reach it.
type Config struct {
	Name     string // of the store in the plan
	Bucket   string
	Prefix   string // put before every key; may be empty
	Endpoint string // empty: Google's own, or STORAGE_EMULATOR_HOST
	CAPEM    []byte // certificates to trust instead of the system's; may be empty

	// CredentialsJSON is a key file's content. Without it the default chain is
	// used (GOOGLE_APPLICATION_CREDENTIALS, gcloud, workload identity).
	CredentialsJSON config.Secret
	Anonymous       bool // send no credentials, for emulators

	ThresholdBytes int64 // 0 means DefaultThresholdBytes
	ChunkBytes     int   // 0 means DefaultChunkBytes

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
	if c.ThresholdBytes <= 0 {
		c.ThresholdBytes = DefaultThresholdBytes
	}
	if c.ChunkBytes <= 0 {
		c.ChunkBytes = DefaultChunkBytes
	}
	return c, nil
}

// NewClient returns a client as Open makes it. The caller closes it.
func NewClient(ctx context.Context, cfg Config) (*storage.Client, error) {
	roots, err := transport.RootCAs(cfg.CAPEM)
	if err != nil {
		return nil, err
	}
	auth, err := authentication(cfg)
	if err != nil {
		return nil, err
	}
	patience := &transport.Patience{}
	base := patience.Watch(transport.New(transport.Options{RootCAs: roots}))
	authenticated, err := htransport.NewTransport(ctx, base, auth...)
	if err != nil {
		return nil, failure.Wrap(failure.Forbidden, err, "load Google credentials of store %s", cfg.Name)
	}
	// The client's own transport would not know our timeouts.
	options := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: authenticated})}
	if cfg.Endpoint != "" {
		options = append(options, option.WithEndpoint(strings.TrimSuffix(cfg.Endpoint, "/")+"/storage/v1/"))
	}
	client, err := storage.NewClient(ctx, options...)
	if err != nil {
		return nil, failure.Wrap(failure.InvalidInput, err, "make the client of store %s", cfg.Name)
	}
	client.SetRetry(
		storage.WithBackoff(backoff()),
		storage.WithMaxAttempts(maxAttempts),
		// Every call here is made safe to repeat: by a precondition, or by its nature.
		storage.WithPolicy(storage.RetryAlways),
		storage.WithErrorFunc(func(err error) bool { return !patience.Over() && worthRepeating(err) }),
	)
	return client, nil
}

func backoff() gax.Backoff {
	return gax.Backoff{Initial: firstBackoff, Max: maxBackoff, Multiplier: backoffFactor}
}

// worthRepeating adds to the library's own list a connection that was closed before
// any answer, or while a body was being sent.
func worthRepeating(err error) bool {
	return storage.ShouldRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

func authentication(cfg Config) ([]option.ClientOption, error) {
	emulated := os.Getenv("STORAGE_EMULATOR_HOST") != "" && cfg.Endpoint == ""
	if cfg.Anonymous || emulated {
		return []option.ClientOption{option.WithoutAuthentication()}, nil
	}
	options := []option.ClientOption{option.WithScopes(storage.ScopeFullControl)}
	if cfg.CredentialsJSON.IsZero() {
		return options, nil
	}
	var kind struct {
		Type option.CredentialsType `json:"type"`
	}
	content := []byte(cfg.CredentialsJSON.Reveal())
	if err := json.Unmarshal(content, &kind); err != nil || kind.Type == "" {
		// The parser's error could quote the key.
		return nil, failure.Invalid("credentials", "of store %s are no Google key file", cfg.Name)
	}
	return append(options, option.WithAuthCredentialsJSON(kind.Type, content)), nil
}
