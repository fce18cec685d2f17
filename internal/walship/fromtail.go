package walship

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// sightedPiece is a tail piece and the stores that list it.
type sightedPiece struct {
	object
	copies []copyOf
}

// copyOf is one store's copy of an object, version pinned.
type copyOf struct {
	from store.Store
	object
}

// fromTail builds a segment that no store has whole from the pieces of the
// stream. Pieces that reach the segment's end are the segment. Fewer are used,
// zero-padded, only when the settings allow it for this timeline and nothing
// later exists on it (L12); otherwise the archive ends before this segment.
func (f *Fetcher) fromTail(ctx context.Context, seg wal.Segment) ([]byte, error) {
	name := f.place.size.Name(seg)
	pieces, trouble := f.sightPieces(ctx, seg)
	chain := chainOf(pieces, f.place.size.Start(seg))
	end := f.place.size.Start(seg.Next())
	reached := f.place.size.Start(seg)
	if len(chain) > 0 {
		reached = chain[len(chain)-1].File.ValidTo
	}
	if reached < end {
		if trouble.unanswered != nil {
			return nil, trouble.verdict(name)
		}
		if err := f.mayPad(ctx, seg); err != nil {
			return nil, err
		}
	}
	if len(chain) == 0 {
		return f.leftBehind(ctx, seg)
	}
	content, err := f.assemble(ctx, seg, chain)
	if err != nil {
		return nil, err
	}
	return content, checkSegment(f.place, seg, content)
}

// leftBehind fetches the .partial file PostgreSQL archives when a standby is
// promoted: the last of a timeline that nobody streamed.
func (f *Fetcher) leftBehind(ctx context.Context, seg wal.Segment) ([]byte, error) {
	file := wal.FileName{Kind: wal.FilePartial, Segment: seg, Timeline: seg.Timeline}
	return f.archived(ctx, file, f.place.size.PartialName(seg))
}

func (f *Fetcher) sightPieces(ctx context.Context, seg wal.Segment) ([]sightedPiece, troubles) {
	var trouble troubles
	byKey := make(map[string]*sightedPiece)
	for seen := range sight(ctx, f.stores, f.place, f.place.pieces(seg)) {
		trouble.add(seen.err)
		for _, obj := range slices.DeleteFunc(seen.objects, f.beyond) {
			if byKey[obj.Key] == nil {
				byKey[obj.Key] = &sightedPiece{object: obj}
			}
			byKey[obj.Key].copies = append(byKey[obj.Key].copies, copyOf{seen.from, obj})
		}
	}
	if f.only != nil && len(byKey) == f.only.below(f.place.pieces(seg)) {
		trouble = troubles{} // all that counts is there, whatever a silent store holds
	}
	pieces := make([]sightedPiece, 0, len(byKey))
	for _, piece := range byKey {
		pieces = append(pieces, *piece)
	}
	return pieces, trouble
}

// chainOf picks pieces that touch or overlap, from position start as far as they
// go, taking the one that reaches farthest at each point.
func chainOf(pieces []sightedPiece, start wal.LSN) []sightedPiece {
	sorted := slices.SortedFunc(slices.Values(pieces), func(a, b sightedPiece) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.File.ValidTo, a.File.ValidTo), cmp.Compare(a.Key, b.Key))
	})
	var chain []sightedPiece
	at, next := start, 0
	for {
		best := -1
		for ; next < len(sorted) && sorted[next].From <= at; next++ {
			if sorted[next].File.ValidTo > at && (best < 0 || sorted[next].File.ValidTo > sorted[best].File.ValidTo) {
				best = next
			}
		}
		if best < 0 {
			return chain
		}
		chain = append(chain, sorted[best])
		at = sorted[best].File.ValidTo
	}
}

// assemble fetches the chain's pieces and lays them into a zeroed segment. Where
// pieces overlap they must agree.
func (f *Fetcher) assemble(ctx context.Context, seg wal.Segment, chain []sightedPiece) ([]byte, error) {
	content := make([]byte, f.place.size)
	start, filled := f.place.size.Start(seg), f.place.size.Start(seg)
	for _, piece := range chain {
		bytesOf, err := f.openPiece(ctx, piece)
		if err != nil {
			return nil, err
		}
		overlap := filled - piece.From
		if !bytes.Equal(content[piece.From-start:filled-start], bytesOf[:overlap]) {
			return nil, failure.New(failure.Corrupt, "tail piece %s disagrees with the one before it", piece.Key).
				WithHint("two clusters may have streamed as this source: compare pg_controldata with the settings' system_id")
		}
		copy(content[piece.From-start:], bytesOf)
		filled = piece.File.ValidTo
	}
	return content, nil
}

func (f *Fetcher) openPiece(ctx context.Context, piece sightedPiece) ([]byte, error) {
	var trouble troubles
	for _, one := range piece.copies {
		content, err := f.open(ctx, one.from, one.object)
		if err == nil {
			return content, nil
		}
		trouble.add(err)
		if err := f.stepOver(one.from, one.object, err); err != nil {
			return nil, err
		}
	}
	return nil, trouble.verdict(piece.Key)
}

// mayPad decides whether an unfinished segment may be served.
func (f *Fetcher) mayPad(ctx context.Context, seg wal.Segment) error {
	name := f.place.size.Name(seg)
	if f.settings.Fetch.TailTimeline != seg.Timeline {
		return failure.Wrap(failure.NotFound, errAbsent, "%s is in no store as a whole segment, and fetch.tail_timeline does not allow an unfinished one", name)
	}
	later := f.only.behind(f.place, seg)
	if f.only == nil {
		var err error
		if later, err = f.laterThan(ctx, seg); err != nil {
			return err
		}
	}
	if later != "" {
		return failure.New(failure.WALGap, "%s is in no store as a whole segment, but later WAL of timeline %d is: %s", name, seg.Timeline, later).
			WithHint("choose a target before %s, or find the segment in the old cluster's pg_wal and push it", f.place.size.Start(seg))
	}
	return nil
}

// laterThan returns the key of something on seg's timeline behind seg, or "".
func (f *Fetcher) laterThan(ctx context.Context, seg wal.Segment) (string, error) {
	name := f.place.size.Name(seg)
	for _, from := range f.stores {
		for _, prefix := range []string{f.place.files(seg.Timeline), f.place.tails(seg.Timeline)} {
			after := f.place.timeline(seg.Timeline) + name + afterAll
			if prefix == f.place.tails(seg.Timeline) {
				after = prefix + name + afterAll
			}
			for obj, err := range from.List(ctx, prefix, store.ListOptions{After: after}) {
				if err != nil {
					return "", failure.Wrap(failure.Unavailable, err, "look behind %s in %s", name, from.Name())
				}
				parsed, err := f.place.parse(obj.Key)
				if err == nil && (parsed.File.Kind == wal.FileSegment || parsed.File.Kind == wal.FileTail) {
					return obj.Key, nil
				}
			}
		}
	}
	return "", nil
}
