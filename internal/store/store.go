package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"time"
)

// Store is one bucket, or one directory, under one prefix. Implementations are
// safe for concurrent use.
type Store interface {
	// Name is the store's name in the plan.
	Name() string
	// Put creates the object key from body. It fails with failure.Exists when any
	// object is there already, even an identical one (callers compare by Stat).
	// body is read at offsets, possibly concurrently and more than once.
	Put(ctx context.Context, key string, body io.ReaderAt, opts PutOptions) (Object, error)
	// Get returns the object's bytes from opts.Offset on. The caller closes the
	// reader. A whole-object read (no offset, no length) is verified against the
	// recorded SHA-256 and ends in failure.Corrupt instead of io.EOF on mismatch.
	Get(ctx context.Context, key string, opts GetOptions) (io.ReadCloser, Object, error)
	// Stat returns the object's attributes; version "" means the newest. What it
	// shows is as durable as what Put acknowledged; what List shows need not be.
	Stat(ctx context.Context, key, version string) (Object, error)
	// List yields the objects whose key begins with prefix, ascending by key.
	List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Object, error]
	// Delete removes one version for good; version must not be empty on a store
	// with versions. Deleting what is not there succeeds; deleting what is locked
	// is failure.Forbidden.
	Delete(ctx context.Context, key, version string) error
	// ExtendLock moves the version's retention lock to until, never earlier.
	ExtendLock(ctx context.Context, key, version string, until time.Time) error
	// Capabilities says which of the optional promises hold here.
	Capabilities() Capabilities
}

// PutOptions describe the object being created.
type PutOptions struct {
	SizeBytes   int64
	SHA256      Digest    // of the whole body; required
	RetainUntil time.Time // zero: no lock. Ignored without Capabilities.Locks
	// CRC32C (Castagnoli) of the whole body, from a caller that took it in the same
	// pass as SHA256. The bytes sent are then compared with it, which costs next to
	// nothing, instead of being hashed once more for each store. nil: hashed.
	CRC32C *uint32
}

// InMemory is a body of Put whose bytes can be had without copying them.
type InMemory interface {
	// BytesAt returns bytes from offset on, as many as lie together; none at the end.
	// They do not change while Put runs.
	BytesAt(offset int64) []byte
}

// GetOptions select what to read.
type GetOptions struct {
	Version     string // "" reads the newest
	Offset      int64  // bytes
	LengthBytes int64  // 0 reads to the end
}

// ListOptions select what to list.
type ListOptions struct {
	After    string // start after this key
	Versions bool   // every version and delete marker, newest first within a key
}

// Object is what a store says about one version of one object.
type Object struct {
	Key          string    `json:"key"`
	Version      string    `json:"version,omitempty"` // S3 version ID, GCS generation; "" where there is none
	SizeBytes    int64     `json:"size_bytes"`
	SHA256       Digest    `json:"sha256,omitzero"` // as recorded at Put; zero in listings
	Modified     time.Time `json:"modified"`        // the store's clock
	LockedUntil  time.Time `json:"locked_until,omitzero"`
	DeleteMarker bool      `json:"delete_marker,omitempty"`
	Latest       bool      `json:"latest"`
}

// Capabilities are promises that not every provider or emulator can keep.
type Capabilities struct {
	Provider string // "s3", "gcs" or "file"; two stores at one provider share its failures
	Versions bool   // versions are kept and can be read back
	Locks    bool   // RetainUntil is enforced by the provider
}

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// DigestOf returns the SHA-256 of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns d in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler: lower-case hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	*d = parsed
	return err
}
