package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Get implements store.Store. Reading at or past the end gives no bytes.
func (s *Store) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if err := store.CheckGet(key, opts); err != nil {
		return nil, store.Object{}, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), VersionId: optional(opts.Version), Range: rangeHeader(opts),
	})
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
		obj, err := s.Stat(ctx, key, opts.Version)
		return http.NoBody, obj, err
	}
	if err != nil {
		return nil, store.Object{}, s.readFailed(ctx, err, "get", key, opts.Version)
	}
	obj, err := s.describe(key, answer{
		version: out.VersionId, size: out.ContentLength, modified: out.LastModified, metadata: out.Metadata,
		mode: out.ObjectLockMode, until: out.ObjectLockRetainUntilDate,
	})
	if err == nil && out.ContentRange != nil {
		obj.SizeBytes, err = totalOf(*out.ContentRange)
	}
	if err != nil {
		return nil, store.Object{}, errors.Join(err, out.Body.Close())
	}
	body := &reader{ReadCloser: out.Body, store: s, ctx: ctx, key: key}
	if opts.Whole() {
		return store.Verified(body, obj), obj, nil
	}
	return body, obj, nil
}

func rangeHeader(opts store.GetOptions) *string {
	if opts.Whole() {
		return nil
	}
	header := fmt.Sprintf("bytes=%d-", opts.Offset)
	if opts.LengthBytes > 0 {
		header += strconv.FormatInt(opts.Offset+opts.LengthBytes-1, 10)
	}
	return &header
}

// totalOf reads the object's size from "bytes 0-9/1234".
func totalOf(contentRange string) (int64, error) {
	_, total, _ := strings.Cut(contentRange, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil || size < 0 {
		return 0, failure.New(failure.Unknown, "content range %.80q is not understood", contentRange)
	}
	return size, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	obj, _, err := s.head(ctx, key, version)
	return obj, err
}

// head returns the object's attributes and the mark of the Put that made it.
func (s *Store) head(ctx context.Context, key, version string) (store.Object, string, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), VersionId: optional(version),
	})
	if err != nil {
		return store.Object{}, "", s.readFailed(ctx, err, "stat", key, version)
	}
	obj, err := s.describe(key, answer{
		version: out.VersionId, size: out.ContentLength, modified: out.LastModified, metadata: out.Metadata,
		mode: out.ObjectLockMode, until: out.ObjectLockRetainUntilDate,
	})
	return obj, out.Metadata[markName], err
}

func (s *Store) readFailed(ctx context.Context, err error, verb, key, version string) error {
	classed := s.classed(ctx, err, "%s %s version %q", verb, key, version)
	// A version that never was has a malformed name, and a delete marker has no
	// bytes: neither is there.
	if statusOf(err) == http.StatusMethodNotAllowed || (version != "" && statusOf(err) == http.StatusBadRequest) {
		classed.Class = failure.NotFound
	}
	return classed
}

// answer is what GET and HEAD have in common.
type answer struct {
	version  *string
	size     *int64
	modified *time.Time
	metadata map[string]string
	mode     types.ObjectLockMode
	until    *time.Time
}

func (s *Store) describe(key string, a answer) (store.Object, error) {
	if a.size == nil || a.modified == nil {
		return store.Object{}, failure.New(failure.Unknown, "store %s gave no size or time of %s", s.cfg.Name, key)
	}
	digest, err := store.ParseDigest(a.metadata[DigestName])
	if err != nil {
		return store.Object{}, failure.Wrap(failure.Corrupt, err, "recorded digest of %s in store %s", key, s.cfg.Name)
	}
	obj := store.Object{
		Key: key, SizeBytes: *a.size, SHA256: digest, Modified: a.modified.UTC(), Latest: true,
	}
	if s.capabilities.Versions {
		obj.Version = value(a.version)
	}
	// Governance locks can be lifted by whoever has the permission: not a lock.
	if a.mode == types.ObjectLockModeCompliance && a.until != nil {
		obj.LockedUntil = a.until.UTC()
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
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.store.classed(r.ctx, err, "read %s", r.key)
	}
	return n, err
}
