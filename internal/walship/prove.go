package walship

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Located is one object that recovery needs and a store that has it.
type Located struct {
	Name      string   `json:"name"` // PostgreSQL's file name
	Key       string   `json:"key"`
	Version   string   `json:"version,omitempty"` // in the first of Stores
	SizeBytes int64    `json:"size_bytes"`        // sealed
	Stores    []string `json:"stores"`
}

// Prove shows that every segment of the ranges is in at least one store, by
// listing and not from memory, and returns where. The first that is in none is
// failure.WALGap (L4); when a store did not answer, what is missing elsewhere is
// failure.Unavailable instead, for nobody knows. Tail pieces that leave nothing
// out count as the segment.
//
// It opens nothing: a host has no key when it asks. Proved is that objects are there
// whose names are those of the WAL and whose sizes can be true. That their contents are
// what the names say is found by the key holder, who opens their beginnings, and by
// fetch, which opens the whole and compares pieces where they overlap.
func Prove(ctx context.Context, c Cluster, ranges []wal.Range) ([]Located, error) {
	var proof []Located
	for _, one := range ranges {
		located, silent, err := locateRange(ctx, c, one)
		if err != nil {
			return nil, err
		}
		for number := one.First; number <= one.Last; number++ {
			seg := wal.Segment{Timeline: one.Timeline, Number: number}
			objects := located[seg]
			if len(objects) == 0 {
				if objects, err = locateTail(ctx, c, seg); err != nil {
					return nil, err
				}
			}
			if len(objects) == 0 {
				return nil, missing(c, seg, silent)
			}
			proof = append(proof, objects...)
		}
	}
	return proof, nil
}

func missing(c Cluster, seg wal.Segment, silent error) error {
	name := c.SegmentSize.Name(seg)
	if silent != nil {
		return failure.Wrap(failure.Unavailable, silent, "cannot tell whether segment %s exists", name)
	}
	return failure.New(failure.WALGap, "segment %s is in no store", name).
		WithHint("choose a target before %s, or push the segment from the old cluster's pg_wal", c.SegmentSize.Start(seg))
}

// locateRange lists a run of segments in every store. silent is what a store
// that did not answer said.
func locateRange(ctx context.Context, c Cluster, run wal.Range) (located map[wal.Segment][]Located, silent, err error) {
	located = make(map[wal.Segment][]Located)
	answered := 0
	for _, one := range c.Stores {
		err := locateIn(ctx, c, one, run, located)
		if failure.Is(err, failure.Exists) {
			return nil, silent, err
		}
		if err != nil {
			silent = firstOf(silent, err)
			continue
		}
		answered++
	}
	if answered == 0 {
		return nil, silent, failure.Wrap(failure.Unavailable, silent, "prove the WAL chain: no store answers")
	}
	return located, silent, nil
}

func locateIn(ctx context.Context, c Cluster, from store.Store, run wal.Range, into map[wal.Segment][]Located) error {
	p := c.place()
	first := p.timeline(run.Timeline) + c.SegmentSize.Name(wal.Segment{Timeline: run.Timeline, Number: run.First})
	previous := ""
	for listed, err := range from.List(ctx, p.files(run.Timeline), store.ListOptions{After: first, Versions: from.Capabilities().Versions}) {
		if err != nil {
			return failure.Wrap(failure.ClassOf(err), err, "list WAL in %s", from.Name())
		}
		obj, err := p.parseListed(listed)
		usable := err == nil && !listed.DeleteMarker && obj.File.Kind == wal.FileSegment && obj.SizeBytes > 0
		if !usable || obj.Key == previous {
			continue
		}
		previous = obj.Key
		if obj.File.Segment.Number > run.Last {
			return nil
		}
		known := into[obj.File.Segment]
		switch {
		case len(known) == 0:
			into[obj.File.Segment] = []Located{locatedOf(obj, from)}
		case known[0].Key != obj.Key:
			return failure.New(failure.Exists, "different contents are archived as %s: %s and %s", obj.Name, known[0].Key, obj.Key).
				WithHint("decide which cluster's it is before recovering")
		default:
			known[0].Stores = append(known[0].Stores, from.Name())
		}
	}
	return nil
}

func locatedOf(obj object, from store.Store) Located {
	return Located{Name: obj.Name, Key: obj.Key, Version: obj.Version, SizeBytes: obj.SizeBytes, Stores: []string{from.Name()}}
}

// locateTail returns the pieces that make up a whole segment, none when they do not.
func locateTail(ctx context.Context, c Cluster, seg wal.Segment) ([]Located, error) {
	pieces, reached, err := locatePieces(ctx, c, seg)
	if err != nil || reached < c.SegmentSize.Start(seg.Next()) {
		return nil, err
	}
	return pieces, nil
}

// LocateTail returns the pieces of an unfinished segment and the first position
// they do not hold; none and the segment's start when there are no pieces. Pieces that
// others cover are among them: they must agree. It lists, as Prove does.
func LocateTail(ctx context.Context, c Cluster, seg wal.Segment) ([]Located, wal.LSN, error) {
	return locatePieces(ctx, c, seg)
}

func locatePieces(ctx context.Context, c Cluster, seg wal.Segment) ([]Located, wal.LSN, error) {
	f := Fetcher{place: c.place(), stores: c.Stores}
	pieces, trouble := f.sightPieces(ctx, seg)
	pieces, reached := connected(pieces, c.SegmentSize.Start(seg))
	var list []Located
	for _, piece := range pieces {
		one := locatedOf(piece.copies[0].object, piece.copies[0].from)
		one.Stores = piece.stores()
		list = append(list, one)
	}
	if len(list) == 0 && trouble.unanswered != nil {
		return nil, reached, trouble.verdict(c.SegmentSize.Name(seg))
	}
	return list, reached, nil
}

// headersAtOnce keeps a long log from taking a round trip after another.
const headersAtOnce = 32

// KeyRequests reads the key headers of every object, so that a key holder can release
// the session keys: one item for each sealing, which is one for an object unless it was
// sealed anew for a store that came late. It reads some kilobytes of each copy, not the
// object. Stores that did not show the object when it was located are asked last, and
// only if no other gives a header: one that is silent would be waited for with every
// object. A tail piece of which every copy shows that it is no sealed object gets no
// item: no key would open it.
func KeyRequests(ctx context.Context, c Cluster, objects []Located) ([]keyring.ReleaseItem, error) {
	items := make([][]keyring.ReleaseItem, len(objects))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(headersAtOnce)
	for i, obj := range objects {
		reading.Go(func() error {
			headers, err := readHeaders(ctx, c, obj)
			for _, header := range headers {
				items[i] = append(items[i], keyring.ReleaseItem{Object: obj.Key, Set: obj.Key, PKESK: header})
			}
			return failure.Wrap(failure.ClassOf(err), err, "read key header of %s", obj.Key)
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(items...), nil
}

// readHeaders returns the different key headers that the stores' copies begin with.
func readHeaders(ctx context.Context, c Cluster, obj Located) ([][]byte, error) {
	var trouble troubles
	var headers [][]byte
	for _, from := range namedFirst(c.Stores, obj.Stores) {
		listed := slices.Contains(obj.Stores, from.Name())
		if len(headers) > 0 && !listed {
			break
		}
		header, err := readHeader(ctx, from, obj.Key)
		if !listed && failure.Is(err, failure.NotFound) {
			continue // as its listing said
		}
		if err != nil {
			trouble.add(err)
			continue
		}
		if !slices.ContainsFunc(headers, func(known []byte) bool { return bytes.Equal(known, header) }) {
			headers = append(headers, header)
		}
	}
	if len(headers) > 0 || (trouble.unanswered == nil && IsTailPiece(obj.Key)) {
		return headers, nil
	}
	return nil, trouble.verdict(obj.Key)
}

// headBytes is as much of an object as its key header may take.
const headBytes = keyring.MaxHeaderBytes + 1024

func readHeader(ctx context.Context, from store.Store, key string) ([]byte, error) {
	body, _, err := from.Get(ctx, key, store.GetOptions{LengthBytes: headBytes})
	if err != nil {
		return nil, err
	}
	head, err := readAllBounded(body, key, headBytes)
	if closing := body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	return seal.Header(head)
}

// namedFirst returns stores in their order, those that are named before the others.
func namedFirst(stores []store.Store, names []string) []store.Store {
	var first, last []store.Store
	for _, one := range stores {
		if slices.Contains(names, one.Name()) {
			first = append(first, one)
		} else {
			last = append(last, one)
		}
	}
	return append(first, last...)
}

// openWhole reads and opens one object.
func openWhole(ctx context.Context, c Cluster, from store.Store, key string) ([]byte, error) {
	obj, err := c.place().parse(key)
	if err != nil {
		return nil, err
	}
	f := Fetcher{place: c.place(), stores: c.Stores, keys: c.Keys}
	return f.open(ctx, from, obj)
}

func parseTimeline(folder string) (wal.Timeline, error) {
	value, err := strconv.ParseUint(folder, 16, 32)
	if err != nil || value == 0 || fmt.Sprintf("%08X", value) != folder {
		return 0, failure.New(failure.Corrupt, "%.20q is not a timeline's folder", folder)
	}
	return wal.Timeline(value), nil
}
