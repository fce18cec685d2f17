package walship

import (
	"context"
	"math/bits"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// HeldUpTo returns the first position on a path, beginning at from and before until,
// that the stores together do not hold: until when they hold all. The segment of from
// counts from its start on, without which recovery can read none of it, so the
// position may lie before from. Pieces count up to the first hole in them. Of a store
// whose listing does not end, what it listed counts and nothing else: the position is
// then the least it can be, and err says why it may be more. A store is waited for as
// long as it goes on saying something, and only while the others do not hold all.
// Nothing is opened: it is what stores claim.
func HeldUpTo(ctx context.Context, c Cluster, path wal.Path, from, until wal.LSN) (wal.LSN, error) {
	return holding{Cluster: c, copies: 1, pieces: until}.upTo(ctx, path, from, until)
}

// holding is what counts as held.
type holding struct {
	Cluster
	copies int     // how many stores must hold an object
	pieces wal.LSN // up to where pieces count; behind it only whole segments do
}

func (h holding) upTo(ctx context.Context, path wal.Path, from, until wal.LSN) (wal.LSN, error) {
	start := h.SegmentSize.Start(h.SegmentSize.SegmentAt(0, from))
	ranges := path.Ranges(h.SegmentSize, start, until)
	if len(ranges) == 0 {
		return min(start, until), nil
	}
	l := &look{holding: h, ranges: ranges, until: until, known: newBuilder(h.Cluster), reached: start, next: make([]ask, len(h.Stores))}
	err := l.run(ctx)
	return min(l.reached, until), err
}

// whole says that enough stores hold a segment as it was archived.
func (h holding) whole(b *builder, seg wal.Segment) bool {
	cell, there := b.segments[seg]
	return there && h.enough(cell.stores)
}

func (h holding) enough(set holders) bool { return bits.OnesCount64(uint64(set)) >= h.copies }

// reach returns the first position of a segment that is not held.
func (h holding) reach(b *builder, seg wal.Segment) wal.LSN {
	if h.whole(b, seg) {
		return h.SegmentSize.Start(seg.Next())
	}
	var pieces []sightedPiece
	for _, piece := range b.pieces[seg] {
		if h.enough(piece.stores) {
			pieces = append(pieces, sightedPiece{object: piece.object})
		}
	}
	start := h.SegmentSize.Start(seg)
	_, reached := connected(pieces, start)
	return min(reached, max(start, h.pieces))
}
