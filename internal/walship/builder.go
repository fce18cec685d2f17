package walship

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// holders is a set of stores, by their index in Cluster.Stores.
type holders uint64

// cell is what the stores hold of one segment.
type cell struct {
	sum      string
	stores   holders
	modified time.Time
	size     int64
}

// builder turns listings into an inventory.
type builder struct {
	cluster   Cluster
	inventory Inventory
	segments  map[wal.Segment]cell
	histories map[wal.Timeline]map[string]holders // by key
	pieces    map[wal.Segment]map[string]*heldPiece
}

type heldPiece struct {
	object
	stores holders
}

func newBuilder(c Cluster) *builder {
	return &builder{
		cluster:   c,
		inventory: Inventory{SystemID: c.SystemID, SegmentSize: c.SegmentSize},
		segments:  make(map[wal.Segment]cell),
		histories: make(map[wal.Timeline]map[string]holders),
		pieces:    make(map[wal.Segment]map[string]*heldPiece),
	}
}

func (b *builder) addShelf(index int, list *shelfList) {
	b.inventory.Anomalies = append(b.inventory.Anomalies, list.anomalies...)
	self := holders(1) << index
	for i := range list.files {
		b.addFile(index, self, &list.files[i])
	}
	for i := range list.pieces {
		piece := &list.pieces[i]
		of := b.pieces[piece.File.Segment]
		if of == nil {
			of = make(map[string]*heldPiece)
			b.pieces[piece.File.Segment] = of
		}
		if of[piece.Key] == nil {
			of[piece.Key] = &heldPiece{object: *piece}
		}
		of[piece.Key].stores |= self
	}
}

func (b *builder) addFile(index int, self holders, file *object) {
	switch file.File.Kind {
	case wal.FileSegment:
		known, there := b.segments[file.File.Segment]
		if there && known.sum != file.Sum {
			b.note(AnomalyConflict, b.cluster.Stores[index].Name(), file.Key, "another content is archived under the same name")
			return
		}
		b.segments[file.File.Segment] = cell{sum: file.Sum, stores: known.stores | self, modified: later(known.modified, file.Modified), size: file.SizeBytes}
	case wal.FileHistory:
		of := b.histories[file.File.Timeline]
		if of == nil {
			of = make(map[string]holders)
			b.histories[file.File.Timeline] = of
		}
		of[file.Key] |= self
	case wal.FileBackup, wal.FilePartial, wal.FileTail:
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (b *builder) note(kind AnomalyKind, storeName, key, detail string) {
	b.inventory.Anomalies = append(b.inventory.Anomalies, Anomaly{Kind: kind, Store: storeName, Key: key, Detail: detail})
}

func (b *builder) finish(ctx context.Context) (Inventory, error) {
	b.settleTails()
	b.makeRanges()
	err := b.addHistories(ctx)
	return b.inventory, err
}

// settleTails measures how far pieces reach where no store has the segment.
func (b *builder) settleTails() {
	for _, seg := range sortedSegments(b.pieces) {
		if _, whole := b.segments[seg]; whole {
			continue
		}
		pieces, reached := b.connectedIn(seg, ^holders(0))
		if len(pieces) > 0 {
			b.addTail(seg, pieces, reached)
		}
	}
}

// connectedIn is connected of the pieces that any of the given stores hold.
func (b *builder) connectedIn(seg wal.Segment, set holders) ([]sightedPiece, wal.LSN) {
	var pieces []sightedPiece
	for _, piece := range b.pieces[seg] {
		if piece.stores&set != 0 {
			pieces = append(pieces, sightedPiece{object: piece.object})
		}
	}
	return connected(pieces, b.cluster.SegmentSize.Start(seg))
}

func (b *builder) addTail(seg wal.Segment, pieces []sightedPiece, reached wal.LSN) {
	b.noteConflict(seg, pieces)
	// As they end: the last one is the newest of the tail.
	slices.SortStableFunc(pieces, func(a, b sightedPiece) int { return cmp.Compare(a.File.ValidTo, b.File.ValidTo) })
	last := pieces[len(pieces)-1]
	keys := make([]string, 0, len(pieces))
	size := int64(0)
	for _, piece := range pieces {
		keys = append(keys, piece.Key)
		size += piece.SizeBytes
	}
	stores := b.reaching(seg, reached)
	if reached == b.cluster.SegmentSize.Start(seg.Next()) {
		b.segments[seg] = cell{stores: stores, modified: last.Modified, size: size}
		return
	}
	b.inventory.Tails = append(b.inventory.Tails, StoredTail{
		Segment: seg, ValidUpTo: reached, ObservedAt: last.Modified, Stores: b.names(stores), Keys: keys,
	})
}

// reaching returns the stores whose own pieces reach so far.
func (b *builder) reaching(seg wal.Segment, reached wal.LSN) holders {
	var set holders
	for i := range b.cluster.Stores {
		if _, alone := b.connectedIn(seg, holders(1)<<i); alone == reached {
			set |= holders(1) << i
		}
	}
	return set
}

// noteConflict names the first stretch of a segment that is stored with two contents.
func (b *builder) noteConflict(seg wal.Segment, pieces []sightedPiece) {
	for i := 1; i < len(pieces); i++ {
		one, other := pieces[i-1], pieces[i]
		if one.From != other.From || one.File.ValidTo != other.File.ValidTo {
			continue
		}
		for _, piece := range []sightedPiece{one, other} {
			for _, storeName := range b.names(b.pieces[seg][piece.Key].stores) {
				b.note(AnomalyConflict, storeName, piece.Key, "another content of the same stretch is stored")
			}
		}
		return
	}
}

// makeRanges joins neighbours that the same stores hold.
func (b *builder) makeRanges() {
	var current *StoredRange
	var holding holders
	for _, seg := range sortedSegments(b.segments) {
		one := b.segments[seg]
		follows := current != nil && current.Timeline == seg.Timeline && current.Last+1 == seg.Number
		if current != nil && current.Timeline == seg.Timeline && !follows {
			b.note(AnomalyGap, "", "", fmt.Sprintf("timeline %d: %d segments from %s on are in no store", seg.Timeline,
				seg.Number-current.Last-1, b.cluster.SegmentSize.Name(wal.Segment{Timeline: seg.Timeline, Number: current.Last + 1})))
		}
		if !follows || holding != one.stores {
			b.inventory.Ranges = append(b.inventory.Ranges, StoredRange{
				Range: wal.Range{Timeline: seg.Timeline, First: seg.Number}, Stores: b.names(one.stores),
			})
			current, holding = &b.inventory.Ranges[len(b.inventory.Ranges)-1], one.stores
		}
		current.Last, current.ArchivedAt = seg.Number, one.modified
		current.SizeBytes += one.size
	}
}

// names lists stores in the order of the plan.
func (b *builder) names(set holders) []string {
	list := []string{}
	for i, one := range b.cluster.Stores {
		if set&(holders(1)<<i) != 0 {
			list = append(list, one.Name())
		}
	}
	return list
}

func (b *builder) addHistories(ctx context.Context) error {
	for tli, keys := range b.histories {
		if len(keys) > 1 {
			b.note(AnomalyConflict, "", wal.HistoryName(tli), "different contents are archived as this timeline's history")
		}
		for key, set := range keys {
			history := StoredHistory{Timeline: tli, Key: key, Stores: b.names(set)}
			parsed, err := b.openHistory(ctx, tli, key, set)
			if failure.Is(err, failure.Corrupt) { // the rest of the log may still lead somewhere
				b.note(AnomalyStrange, "", key, err.Error())
				continue
			}
			if err != nil {
				return err
			}
			history.History = &parsed
			b.inventory.Histories = append(b.inventory.Histories, history)
		}
	}
	slices.SortFunc(b.inventory.Histories, func(a, b StoredHistory) int { return int(a.Timeline) - int(b.Timeline) })
	return nil
}

func (b *builder) openHistory(ctx context.Context, tli wal.Timeline, key string, set holders) (wal.History, error) {
	var trouble troubles
	for i, one := range b.cluster.Stores {
		if set&(holders(1)<<i) == 0 {
			continue
		}
		content, err := openWhole(ctx, b.cluster, one, key)
		if err == nil {
			return wal.ParseHistory(tli, content)
		}
		trouble.add(err)
	}
	err := trouble.verdict(key)
	return wal.History{}, failure.Wrap(failure.ClassOf(err), err, "read history of timeline %d", tli)
}
