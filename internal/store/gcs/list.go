package gcs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// List implements store.Store, one page of at most 1000 at a time. With
// versions it holds all generations of one key in memory, since GCS
// gives the oldest first.
func (s *Store) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	if err := store.CheckPrefix(prefix); err != nil {
		return func(yield func(store.Object, error) bool) { yield(store.Object{}, err) }
	}
	listing := s.generations(ctx, prefix, opts)
	if opts.Versions {
		listing = newestFirst(listing)
	}
	return store.InOrder(listing)
}

func (s *Store) generations(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		query := &storage.Query{Prefix: s.cfg.Prefix + prefix, Versions: opts.Versions, Projection: storage.ProjectionNoACL}
		if opts.After != "" {
			query.StartOffset = s.cfg.Prefix + opts.After // inclusive
		}
		err := query.SetAttrSelection([]string{"Name", "Generation", "Size", "Created", "Deleted", "Retention"})
		if err != nil {
			yield(store.Object{}, failure.Wrap(failure.Internal, err, "select attributes"))
			return
		}
		objects := s.bucket.Objects(ctx, query)
		for {
			obj, err := s.next(ctx, objects)
			if errors.Is(err, iterator.Done) {
				return
			}
			if err == nil && opts.After != "" && obj.Key <= opts.After {
				continue
			}
			if !yield(obj, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) next(ctx context.Context, objects *storage.ObjectIterator) (store.Object, error) {
	attrs, err := objects.Next()
	if errors.Is(err, iterator.Done) {
		return store.Object{}, err
	}
	if err != nil {
		return store.Object{}, s.classed(ctx, err, "list")
	}
	return s.describe(attrs)
}

// newestFirst sorts the generations of each key.
func newestFirst(listing iter.Seq2[store.Object, error]) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		var same []store.Object
		flush := func() bool {
			slices.SortFunc(same, func(a, b store.Object) int { return compareGenerations(b.Version, a.Version) })
			for _, obj := range same {
				if !yield(obj, nil) {
					return false
				}
			}
			same = same[:0]
			return true
		}
		for obj, err := range listing {
			if err != nil {
				if flush() {
					yield(store.Object{}, err)
				}
				return
			}
			if len(same) > 0 && same[0].Key != obj.Key && !flush() {
				return
			}
			same = append(same, obj)
		}
		flush()
	}
}

// compareGenerations compares two decimal numbers without sign or leading zeros.
func compareGenerations(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
