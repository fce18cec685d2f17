package s3

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// List implements store.Store, one page of at most 1000 at a time. A plain
// listing says no versions.
func (s *Store) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	if err := store.CheckPrefix(prefix); err != nil {
		return func(yield func(store.Object, error) bool) { yield(store.Object{}, err) }
	}
	after := ""
	if opts.After != "" {
		after = s.cfg.Prefix + opts.After
	}
	if opts.Versions {
		return store.InOrder(s.listVersions(ctx, s.cfg.Prefix+prefix, after))
	}
	return store.InOrder(s.listKeys(ctx, s.cfg.Prefix+prefix, after))
}

func (s *Store) listKeys(ctx context.Context, prefix, after string) iter.Seq2[store.Object, error] {
	input := &s3.ListObjectsV2Input{
		Bucket: &s.cfg.Bucket, Prefix: &prefix, StartAfter: optional(after), EncodingType: types.EncodingTypeUrl,
	}
	return func(yield func(store.Object, error) bool) {
		for {
			page, err := s.client.ListObjectsV2(ctx, input)
			if err != nil {
				yield(store.Object{}, s.classed(ctx, err, "list %q", prefix))
				return
			}
			for _, entry := range page.Contents {
				obj, err := s.listed(decoder(page.EncodingType), entry.Key, entry.Size, entry.LastModified)
				obj.Latest = true
				if !yield(obj, err) || err != nil {
					return
				}
			}
			if page.IsTruncated == nil || !*page.IsTruncated {
				return
			}
			if value(page.NextContinuationToken) == "" {
				yield(store.Object{}, s.noMarker(prefix))
				return
			}
			input.ContinuationToken = page.NextContinuationToken
		}
	}
}

func (s *Store) listVersions(ctx context.Context, prefix, after string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		var last store.Object
		for page, err := range s.versionPages(ctx, prefix, after) {
			for _, obj := range page {
				// Markers are exclusive at AWS; elsewhere a page may begin with them.
				if s.cfg.Prefix+obj.Key <= after || (obj.Key == last.Key && obj.Version == last.Version) {
					continue
				}
				last = obj
				if !yield(obj, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Object{}, err)
				return
			}
		}
	}
}

// versionPages yields one page after the other, and an error as the last.
func (s *Store) versionPages(ctx context.Context, prefix, after string) iter.Seq2[[]store.Object, error] {
	input := &s3.ListObjectVersionsInput{
		Bucket: &s.cfg.Bucket, Prefix: &prefix, KeyMarker: optional(after), EncodingType: types.EncodingTypeUrl,
	}
	return func(yield func([]store.Object, error) bool) {
		for {
			page, err := s.client.ListObjectVersions(ctx, input)
			if err != nil {
				yield(nil, s.classed(ctx, err, "list versions of %q", prefix))
				return
			}
			objects, err := s.merged(page)
			if !yield(objects, err) || err != nil || page.IsTruncated == nil || !*page.IsTruncated {
				return
			}
			marker, err := decoder(page.EncodingType)(value(page.NextKeyMarker))
			if err != nil || marker == "" {
				yield(nil, s.noMarker(prefix))
				return
			}
			input.KeyMarker, input.VersionIdMarker = &marker, page.NextVersionIdMarker
		}
	}
}

// merged puts versions and delete markers, which the SDK gives apart, back into
// one order: by key, newest first. S3's times have whole seconds; within one, the
// latest comes first and the rest keep the provider's order.
func (s *Store) merged(page *s3.ListObjectVersionsOutput) ([]store.Object, error) {
	objects, decode := make([]store.Object, 0, len(page.Versions)+len(page.DeleteMarkers)), decoder(page.EncodingType)
	for _, entry := range page.Versions {
		obj, err := s.listed(decode, entry.Key, entry.Size, entry.LastModified)
		if err != nil {
			return nil, err
		}
		obj.Version, obj.Latest = s.version(entry.VersionId), entry.IsLatest != nil && *entry.IsLatest
		objects = append(objects, obj)
	}
	none := int64(0)
	for _, entry := range page.DeleteMarkers {
		obj, err := s.listed(decode, entry.Key, &none, entry.LastModified)
		if err != nil {
			return nil, err
		}
		obj.Version, obj.Latest = s.version(entry.VersionId), entry.IsLatest != nil && *entry.IsLatest
		obj.DeleteMarker = true
		objects = append(objects, obj)
	}
	slices.SortStableFunc(objects, newestFirst)
	return objects, nil
}

func newestFirst(a, b store.Object) int {
	if order := strings.Compare(a.Key, b.Key); order != 0 {
		return order
	}
	if a.Latest != b.Latest {
		if a.Latest {
			return -1
		}
		return 1
	}
	return b.Modified.Compare(a.Modified)
}

// version hides "null", the version that S3 gives objects of a bucket without any.
func (s *Store) version(id *string) string {
	if !s.capabilities.Versions {
		return ""
	}
	return value(id)
}

func (s *Store) listed(decode func(string) (string, error), key *string, size *int64, modified *time.Time) (store.Object, error) {
	name, err := decode(value(key))
	if err != nil || name == "" || size == nil || modified == nil || !strings.HasPrefix(name, s.cfg.Prefix) {
		return store.Object{}, failure.New(failure.Unknown, "store %s lists an entry that is not understood: key %.80q", s.cfg.Name, value(key))
	}
	return store.Object{Key: strings.TrimPrefix(name, s.cfg.Prefix), SizeBytes: *size, Modified: modified.UTC()}, nil
}

// decoder undoes the URL encoding that was asked for: without it one key with a
// character XML cannot hold would make the whole listing unreadable. Some
// providers do not know the encoding and do not say it in their answer.
func decoder(encoding types.EncodingType) func(string) (string, error) {
	if encoding == types.EncodingTypeUrl {
		return url.QueryUnescape
	}
	return func(name string) (string, error) { return name, nil }
}

func (s *Store) noMarker(prefix string) error {
	return failure.New(failure.Unknown, "store %s says there is more below %q, but not where", s.cfg.Name, prefix)
}
