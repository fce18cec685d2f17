package memory

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Slow is a store whose listings come in pages, as providers give them, each after a
// while, or not at all.
type Slow struct {
	store.Store

	Page  time.Duration // how long each page takes
	Mute  atomic.Bool   // a listing says nothing until its context ends
	Pages atomic.Int64  // asked for so far
}

// pageKeys is how many keys a page holds.
const pageKeys = 1000

// List implements store.Store.
func (s *Slow) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		given := 0
		if err := s.turn(ctx, prefix); err != nil {
			yield(store.Object{}, err)
			return
		}
		for obj, err := range s.Store.List(ctx, prefix, opts) {
			if given++; err == nil && given%pageKeys == 0 {
				err = s.turn(ctx, prefix)
			}
			if !yield(obj, err) || err != nil {
				return
			}
		}
	}
}

// turn waits for a page.
func (s *Slow) turn(ctx context.Context, prefix string) error {
	s.Pages.Add(1)
	var page <-chan time.Time // of a mute store it never comes
	if !s.Mute.Load() {
		page = time.After(s.Page)
	}
	select {
	case <-ctx.Done():
		return failure.Wrap(failure.Unavailable, ctx.Err(), "list %s", prefix)
	case <-page:
		return nil
	}
}
