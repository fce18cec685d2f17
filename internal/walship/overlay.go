package walship

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// sightedPiece is a tail piece and the stores that list it.
type sightedPiece struct {
	object
	copies   []copyOf
	unlisted error // why a store could not say whether it has the piece; nil when all could
}

// stores names those that list the piece.
func (s sightedPiece) stores() []string {
	var names []string
	for _, one := range s.copies {
		if !slices.Contains(names, one.from.Name()) {
			names = append(names, one.from.Name())
		}
	}
	return names
}

// connected returns the pieces that touch or overlap from position start on, in the
// order they begin, and how far they reach: the first position none of them claims to
// hold. Those that lie behind a hole are left out.
func connected(pieces []sightedPiece, start wal.LSN) (chain []sightedPiece, reached wal.LSN) {
	sorted := slices.SortedFunc(slices.Values(pieces), func(a, b sightedPiece) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.File.ValidTo, a.File.ValidTo), cmp.Compare(a.Key, b.Key))
	})
	reached = start
	for i, piece := range sorted {
		if piece.From > reached {
			return sorted[:i], reached
		}
		reached = max(reached, piece.File.ValidTo)
	}
	return sorted, reached
}

// overlay is a zeroed segment and the pieces that were laid into it, from its start.
type overlay struct {
	start   wal.LSN
	reached wal.LSN // first position that is not known
	content []byte
	laid    []sightedPiece // those that brought something new, in order
}

func newOverlay(p place, seg wal.Segment) *overlay {
	start := p.size.Start(seg)
	return &overlay{start: start, reached: start, content: make([]byte, p.size)}
}

// lay adds the bytes of a piece that begins at reached or before. Where something is
// known already it must be the same: anything else is failure.Corrupt.
func (o *overlay) lay(piece sightedPiece, plain []byte) error {
	known := o.content[piece.From-o.start : min(piece.File.ValidTo, o.reached)-o.start]
	if !bytes.Equal(known, plain[:len(known)]) {
		same := 0
		for known[same] == plain[same] {
			same++
		}
		return o.disagree(piece, piece.From+wal.LSN(same))
	}
	copy(o.content[piece.From-o.start:], plain)
	if piece.File.ValidTo > o.reached {
		o.reached = piece.File.ValidTo
		o.laid = append(o.laid, piece)
	}
	return nil
}

func (o *overlay) disagree(piece sightedPiece, at wal.LSN) error {
	first := slices.IndexFunc(o.laid, func(one sightedPiece) bool { return one.File.ValidTo > at })
	return failure.New(failure.Corrupt, "tail pieces disagree at %s: %s (in %s) and %s (in %s)", at,
		o.laid[first].Key, strings.Join(o.laid[first].stores(), ", "), piece.Key, strings.Join(piece.stores(), ", ")).
		WithHint("two clusters may have streamed as this source: compare pg_controldata with the settings' system_id; or somebody wrote to one of the stores: see its access log. Decide which is true and remove the other")
}
