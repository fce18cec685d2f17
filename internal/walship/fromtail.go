package walship

import (
	"context"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// copyOf is one store's copy of an object, version pinned.
type copyOf struct {
	from store.Store
	object
}

// fromTail builds a segment that no store has whole from the pieces of the
// stream. Pieces that reach the segment's end are the segment. Fewer are used,
// zero-padded, only when the settings allow it for this timeline and nothing
// later exists on it (L12); otherwise the archive ends before this segment. An
// unfinished one is not asked for where there was a whole one.
func (f *Fetcher) fromTail(ctx context.Context, seg wal.Segment, unfinished bool) ([]byte, error) {
	pieces, trouble := f.sightPieces(ctx, seg)
	start := f.place.size.Start(seg)
	pieces, claimed := connected(pieces, start)
	mayEnd := func(reached wal.LSN) error {
		if !unfinished && reached < f.place.size.Start(seg.Next()) {
			return failure.New(failure.NotFound, "no store has pieces of all of %s", f.place.size.Name(seg))
		}
		return f.mayEnd(ctx, seg, reached, trouble)
	}
	if err := mayEnd(claimed); err != nil {
		return nil, err
	}
	made, err := f.assemble(ctx, seg, pieces)
	if err == nil && made.reached < claimed {
		err = mayEnd(made.reached)
	}
	if err != nil {
		return nil, err
	}
	if made.reached == start {
		return f.leftBehind(ctx, seg)
	}
	return made.content, checkSegment(f.place, seg, made.content)
}

// mayEnd decides whether what is known of a segment up to reached may be served.
func (f *Fetcher) mayEnd(ctx context.Context, seg wal.Segment, reached wal.LSN, trouble troubles) error {
	if reached == f.place.size.Start(seg.Next()) {
		return nil
	}
	if trouble.unanswered != nil {
		return trouble.verdict(f.place.size.Name(seg))
	}
	return f.mayPad(ctx, seg)
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
	unlisted := firstOf(trouble.unanswered, trouble.corrupt)
	if f.only != nil && len(byKey) == f.only.below(f.place.pieces(seg)) {
		trouble = troubles{} // all that counts is there, whatever a silent store holds
	}
	pieces := make([]sightedPiece, 0, len(byKey))
	for _, piece := range byKey {
		piece.unlisted = unlisted
		pieces = append(pieces, *piece)
	}
	return pieces, trouble
}

// assemble opens every piece and lays it over the others, so that no two are used
// that disagree. What cannot be opened is done without where the others reach as far.
func (f *Fetcher) assemble(ctx context.Context, seg wal.Segment, pieces []sightedPiece) (*overlay, error) {
	made := newOverlay(f.place, seg)
	open := opener{fetcher: f, spoiled: make(map[string]int64)}
	for _, piece := range pieces {
		if piece.From > made.reached {
			break // what lay between could not be opened
		}
		plain, err := open.piece(ctx, piece)
		if err != nil {
			return nil, err
		}
		if len(plain) == 0 {
			continue
		}
		if err := made.lay(piece, plain); err != nil {
			return nil, err
		}
	}
	return made, open.missed(made.reached)
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
	files, tails := f.place.files(seg.Timeline), f.place.tails(seg.Timeline)
	for _, from := range f.stores {
		key, err := f.firstTrue(ctx, from, files, f.place.timeline(seg.Timeline)+name+afterAll)
		if err == nil && key == "" {
			key, err = f.firstTrue(ctx, from, tails, tails+name+afterAll)
		}
		if err != nil {
			return "", failure.Wrap(failure.Unavailable, err, "look behind %s in %s", name, from.Name())
		}
		if key != "" {
			return key, nil
		}
	}
	return "", nil
}

// firstTrue returns the key of the first segment or piece that a store lists after a
// key, "" for none. What nothing shows to be one is named and stepped over.
func (f *Fetcher) firstTrue(ctx context.Context, from store.Store, prefix, after string) (string, error) {
	strangers := 0
	for listed, err := range from.List(ctx, prefix, store.ListOptions{After: after}) {
		if err != nil {
			return "", err
		}
		obj, err := f.place.parseListed(listed)
		if err != nil || (obj.File.Kind != wal.FileSegment && obj.File.Kind != wal.FileTail) {
			continue
		}
		_, err = f.open(ctx, from, obj)
		switch {
		case silent(err):
			return "", err
		// What these keys do not open at all may be true for others.
		case !isStranger(err), failure.Is(err, failure.Forbidden), strangers == maxStrangers:
			return obj.Key, nil
		}
		strangers++
		if err := f.stepOver(from, obj, err); err != nil {
			return "", err
		}
	}
	return "", nil
}
