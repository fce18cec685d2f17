package walship

import (
	"context"
	"math/bits"
	"sync"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// HeldUpTo returns the first position on a path, beginning at from and before until,
// that the stores together do not hold: until when they hold all. The segment of from
// counts from its start on, without which recovery can read none of it, so the
// position may lie before from. Pieces count up to the first hole in them. A store
// that does not answer counts as holding nothing: the position is then the least it
// can be, and err says why it may be more. Nothing is opened: it is what stores claim.
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
	size := h.SegmentSize
	reached := size.Start(size.SegmentAt(0, from))
	ranges := path.Ranges(size, reached, until)
	b, err := listRanges(ctx, h.Cluster, ranges)
	for _, run := range ranges {
		for number := run.First; number <= run.Last; number++ {
			seg := wal.Segment{Timeline: run.Timeline, Number: number}
			reached = h.reach(b, seg)
			if reached < size.Start(seg.Next()) {
				return min(reached, until), err
			}
		}
	}
	return min(reached, until), err
}

// reach returns the first position of a segment that is not held.
func (h holding) reach(b *builder, seg wal.Segment) wal.LSN {
	enough := func(set holders) bool { return bits.OnesCount64(uint64(set)) >= h.copies }
	if whole, there := b.segments[seg]; there && enough(whole.stores) {
		return h.SegmentSize.Start(seg.Next())
	}
	var pieces []sightedPiece
	for _, piece := range b.pieces[seg] {
		if enough(piece.stores) {
			pieces = append(pieces, sightedPiece{object: piece.object})
		}
	}
	start := h.SegmentSize.Start(seg)
	_, reached := connected(pieces, start)
	return min(reached, max(start, h.pieces))
}

// listRanges gathers what stores list of some segments, pieces included.
func listRanges(ctx context.Context, c Cluster, ranges []wal.Range) (*builder, error) {
	shelves := make([]shelfList, len(c.Stores))
	var listing sync.WaitGroup
	for i, one := range c.Stores {
		listing.Go(func() {
			for _, run := range ranges {
				if shelves[i].err == nil {
					shelves[i].err = shelves[i].walkRange(ctx, c.place(), one, run)
				}
			}
		})
	}
	listing.Wait()
	b := newBuilder(c)
	var problems []error
	for i := range shelves {
		if shelves[i].err != nil {
			problems = append(problems, shelves[i].err)
			continue
		}
		b.addShelf(i, &shelves[i])
	}
	return b, joinProblems(problems)
}

// walkRange lists what one store has from the first segment of a run on.
func (l *shelfList) walkRange(ctx context.Context, p place, from store.Store, run wal.Range) error {
	name := p.size.Name(wal.Segment{Timeline: run.Timeline, Number: run.First})
	if err := l.walk(ctx, p, from, p.files(run.Timeline), p.timeline(run.Timeline)+name, &l.files); err != nil {
		return err
	}
	return l.walk(ctx, p, from, p.tails(run.Timeline), p.tails(run.Timeline)+name, &l.pieces)
}

// FindHistory returns a timeline's history as the first store that shows it has it.
// Errors: NotFound, or Unavailable when a store that may have it did not answer.
func FindHistory(ctx context.Context, c Cluster, tli wal.Timeline) (wal.History, error) {
	if tli == 1 {
		return wal.History{Timeline: tli}, nil
	}
	name := wal.HistoryName(tli)
	versions := c.place().versions(wal.FileName{Kind: wal.FileHistory, Timeline: tli}, name)
	var trouble troubles
	for _, from := range c.Stores {
		key, err := firstKey(ctx, from, versions, "")
		if err == nil && key != "" {
			var text []byte
			if text, err = openWhole(ctx, c, from, key); err == nil {
				return wal.ParseHistory(tli, text)
			}
		}
		trouble.add(err)
	}
	return wal.History{}, trouble.verdict(name)
}
