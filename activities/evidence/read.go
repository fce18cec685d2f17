package evidence

import (
	"context"
	"errors"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Folder is the prefix of everything that is kept about the run.
func (r Run) Folder() string { return r.folder() }

// Timeline returns the run's whole timeline up to head, verified against it.
// Each page is taken from the first store that has it unaltered. A page no store
// has is NotFound, one that only altered copies are left of is Corrupt.
func Timeline(ctx context.Context, stores []store.Store, run Run, head evidence.Head) ([]evidence.Entry, error) {
	var pages []evidence.Page
	for at := uint64(0); at < head.Count; {
		page, err := pageAfter(ctx, stores, run, at)
		if err != nil {
			return nil, err
		}
		pages = append(pages, page)
		at = page.Head.Count
	}
	return evidence.Join(pages, head)
}

// pageAfter reads the page that begins after entry at.
func pageAfter(ctx context.Context, stores []store.Store, run Run, at uint64) (evidence.Page, error) {
	var errs []error
	for _, s := range stores {
		var page evidence.Page
		err := get(ctx, s, run.page(at+1), &page)
		if err == nil {
			err = evidence.VerifyPage(page)
		}
		if err == nil && (page.Start.Count != at || page.Head.Count <= at) {
			err = failure.New(failure.Corrupt, "the page after entry %d in store %s holds other entries", at, s.Name())
		}
		if err == nil {
			return page, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return evidence.Page{}, failure.New(failure.Internal, "no store to read the timeline from")
	}
	return evidence.Page{}, failure.Wrap(failure.ClassOf(errs[0]), errors.Join(errs...), "read the timeline after entry %d", at)
}
