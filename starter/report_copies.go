package main

import (
	"context"
	"sync"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// copyOut is one store's copy of a report.
type copyOut struct {
	Store  string `json:"store"`
	SHA256 string `json:"sha256,omitempty"` // empty: it could not be read
	Error  string `json:"error,omitempty"`

	body  []byte
	class failure.Class // of Error
}

// readCopies reads key from every store.
func readCopies(ctx context.Context, stores []store.Store, key string) []copyOut {
	copies := make([]copyOut, len(stores))
	var all sync.WaitGroup
	for i, one := range stores {
		all.Go(func() {
			body, err := replicate.Get(ctx, []store.Store{one}, key, store.Digest{}, maxReportBytes)
			copies[i] = copyOut{Store: one.Name(), body: body, class: failure.ClassOf(err)}
			if err != nil {
				copies[i].Error = firstLine(err.Error())
				return
			}
			copies[i].SHA256 = store.DigestOf(body).String()
		})
	}
	all.Wait()
	return copies
}

// genuine returns the copy to believe: with want, what the run recorded, the one
// that is it; without, the one that all stores agree on. A copy that differs is a
// Corrupt error that names both digests, also beside a genuine one: somebody
// changed a report. A store that cannot be read is no difference.
func genuine(run string, copies []copyOut, want store.Digest) (body []byte, err error) {
	var first *copyOut
	for i := range copies {
		one := &copies[i]
		switch {
		case one.SHA256 == "":
		case want.IsZero() && first == nil:
			first = one
		case want.IsZero() && one.SHA256 != first.SHA256:
			return nil, failure.New(failure.Corrupt, "the report of run %s differs between stores: %s in store %s, %s in store %s", run, first.SHA256, first.Store, one.SHA256, one.Store).
				WithHint("ask again where Temporal answers: it knows which one the run wrote")
		case want.IsZero():
		case one.SHA256 == want.String():
			first = one
		default:
			err = failure.New(failure.Corrupt, "the report of run %s in store %s is %s; the run recorded %s in Temporal", run, one.Store, one.SHA256, want).
				WithHint("see who changed it: the object's versions in store %s", one.Store)
		}
	}
	switch {
	case first != nil:
		return first.body, err
	case err != nil:
		return nil, err
	}
	return nil, unread(run, copies)
}

// unread says why no store gave a report: NotFound only when all of them said so.
func unread(run string, copies []copyOut) error {
	for _, one := range copies {
		if one.class != failure.NotFound {
			return failure.New(one.class, "read the report of run %s: %s", run, one.Error).WithHint("starter plan check --live")
		}
	}
	return failure.New(failure.NotFound, "no store holds a report of run %s: it is under way, or was terminated", run).
		WithHint("starter status --run %s --timeline; what a terminated run left: starter undo --run %s --dry-run", shownWord(run), shownWord(run))
}
