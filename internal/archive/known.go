package archive

import (
	"context"
	"sync"

	"github.com/terragonlabs/holdfast/internal/store"
)

// known maps slice content to where it already is: in earlier sets (the index),
// in an earlier attempt at this set (the journal), or in this attempt.
type known struct {
	mu sync.Mutex
	at map[store.Digest]*location
}

// find returns a location that may be referred to, or nil. The first use of a
// part made earlier looks at it in every store; a part that is not whole
// everywhere is never referred to again, and its content is stored anew.
func (k *known) find(ctx context.Context, w *Writer, digest store.Digest, sizeBytes int64) *location {
	k.mu.Lock()
	loc := k.at[digest]
	k.mu.Unlock()
	if loc == nil || loc.sizeBytes != sizeBytes {
		return nil
	}
	loc.part.verify.Do(func() { loc.part.usable.Store(w.presentEverywhere(ctx, loc.part.object)) })
	if !loc.part.usable.Load() {
		return nil
	}
	return loc
}

// claim records that digest is about to be written to fresh, unless another
// worker was first: then it returns that one's location.
func (k *known) claim(digest store.Digest, fresh *location) (loc *location, first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if loc := k.at[digest]; loc != nil && loc.part.usable.Load() && loc.sizeBytes == fresh.sizeBytes {
		return loc, false
	}
	k.at[digest] = fresh
	return fresh, true
}

// add records slices of a part made earlier. Its state is settled on first use.
func (k *known) add(p *part, members []member) {
	for _, m := range members {
		k.at[m.SHA256] = &location{part: p, member: m.Name, sizeBytes: m.SizeBytes}
	}
}
