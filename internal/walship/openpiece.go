package walship

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	// maxSpoiledSegments bounds what is read of one store for one segment and cannot be
	// opened: as many segments' bytes. Its other pieces are then left unread.
	maxSpoiledSegments = 16
	// maxStrangers bounds how many objects that prove nothing are opened in a look behind
	// a segment. The next counts as if it were true.
	maxStrangers = 1024
)

// opener opens the pieces of one segment, and remembers which it could not.
type opener struct {
	fetcher *Fetcher
	spoiled map[string]int64 // by store: bytes of copies that could not be opened
	lost    []lostPiece
}

// lostPiece is a piece that was there and cannot be had.
type lostPiece struct {
	to  wal.LSN
	why error
}

// piece returns the bytes of the first copy that is good. None, and no error, is a piece
// to do without: missed says later whether that is possible. Every copy stepped over is
// in the log of repairs.
//
// A piece that one store has and every other has not, in which nothing shows that it was
// sealed to be that piece, is nothing that was lost: who can write to that store made it,
// or what is left of it tells nobody anything.
func (o *opener) piece(ctx context.Context, piece sightedPiece) ([]byte, error) {
	var trouble troubles
	trouble.add(piece.unlisted)
	for _, one := range piece.copies {
		content, err := o.copy(ctx, one)
		if err == nil {
			return content, nil
		}
		trouble.add(err)
		if err := o.fetcher.stepOver(one.from, one.object, err); err != nil {
			return nil, err
		}
	}
	if !trouble.forged(len(piece.stores())) {
		o.lost = append(o.lost, lostPiece{piece.File.ValidTo, trouble.verdict(piece.Key)})
	}
	return nil, nil
}

func (o *opener) copy(ctx context.Context, one copyOf) ([]byte, error) {
	name, limit := one.from.Name(), maxSpoiledSegments*int64(o.fetcher.place.size)
	if o.spoiled[name] > limit {
		return nil, failure.New(failure.Corrupt, "not read: store %s gave more than %d bytes of this segment that cannot be opened", name, limit).
			WithHint("somebody may have written there: see the store's access log. Fetch without that store where the others hold everything")
	}
	content, err := o.fetcher.open(ctx, one.from, one.object)
	if err != nil && !silent(err) {
		o.spoiled[name] += one.SizeBytes
	}
	return content, err
}

// missed returns why a piece could not be had that reaches farther than all that could.
func (o *opener) missed(reached wal.LSN) error {
	var trouble troubles
	for _, one := range o.lost {
		if one.to > reached {
			trouble.add(one.why)
		}
	}
	return firstOf(trouble.unanswered, trouble.corrupt)
}
