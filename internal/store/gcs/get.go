package gcs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Get implements store.Store. Reading at or past the end gives no bytes. It asks
// for the attributes first and then reads that generation: the two belong
// together whatever is written meanwhile.
func (s *Store) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if err := store.CheckGet(key, opts); err != nil {
		return nil, store.Object{}, err
	}
	obj, generation, err := s.stat(ctx, key, opts.Version)
	if err != nil {
		return nil, store.Object{}, err
	}
	if opts.Offset >= obj.SizeBytes && !opts.Whole() {
		return http.NoBody, obj, nil
	}
	length := int64(-1)
	if opts.LengthBytes > 0 {
		length = opts.LengthBytes
	}
	// Compressed: bytes as they are stored, whatever Content-Encoding says.
	r, err := s.bucket.Object(s.cfg.Prefix+key).Generation(generation).ReadCompressed(true).NewRangeReader(ctx, opts.Offset, length)
	if err != nil {
		return nil, store.Object{}, s.classed(ctx, err, "get %s version %q", key, opts.Version)
	}
	body := &reader{ReadCloser: r, store: s, ctx: ctx, key: key}
	if opts.Whole() {
		return store.Verified(body, obj), obj, nil
	}
	return body, obj, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	obj, _, err := s.stat(ctx, key, version)
	return obj, err
}

func (s *Store) stat(ctx context.Context, key, version string) (store.Object, int64, error) {
	handle, err := s.object(key, version)
	if err != nil {
		return store.Object{}, 0, err
	}
	attrs, err := handle.Attrs(ctx)
	if err != nil {
		return store.Object{}, 0, s.classed(ctx, err, "stat %s version %q", key, version)
	}
	obj, err := s.describe(attrs)
	return obj, attrs.Generation, err
}

func (s *Store) describe(attrs *storage.ObjectAttrs) (store.Object, error) {
	key, ok := strings.CutPrefix(attrs.Name, s.cfg.Prefix)
	if !ok || key == "" || attrs.Size < 0 || attrs.Created.IsZero() {
		return store.Object{}, failure.New(failure.Unknown, "store %s describes an object that is not understood: %.80q", s.cfg.Name, attrs.Name)
	}
	digest, err := store.ParseDigest(attrs.Metadata[DigestName])
	if err != nil {
		return store.Object{}, failure.Wrap(failure.Corrupt, err, "recorded digest of %s in store %s", key, s.cfg.Name)
	}
	obj := store.Object{
		Key: key, Version: strconv.FormatInt(attrs.Generation, 10), SizeBytes: attrs.Size, SHA256: digest,
		// Updated moves when a lock is extended; the bytes are as old as Created.
		Modified: attrs.Created.UTC(), Latest: attrs.Deleted.IsZero(),
	}
	if attrs.Retention != nil && attrs.Retention.Mode == lockMode {
		obj.LockedUntil = attrs.Retention.RetainUntil.UTC()
	}
	return obj, nil
}

// reader classes what goes wrong on the way.
type reader struct {
	io.ReadCloser

	store *Store
	ctx   context.Context //nolint:containedctx // a reader belongs to the call that made it
	key   string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	switch {
	case err == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case strings.Contains(err.Error(), "bad CRC"):
		// The client compared the bytes with GCS's own checksum.
		return n, failure.Wrap(failure.Corrupt, err, "read %s from store %s", r.key, r.store.cfg.Name)
	default:
		return n, r.store.classed(r.ctx, err, "read %s", r.key)
	}
}
