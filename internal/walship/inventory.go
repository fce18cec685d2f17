package walship

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Cluster names one cluster's WAL in the stores.
type Cluster struct {
	Source      string
	SystemID    wal.SystemID
	SegmentSize wal.SegmentSize
	Stores      []store.Store
	// Keys opens segments; an inventory needs none.
	Keys keyring.KeySource
}

func (c Cluster) place() place { return place{c.Source, c.SystemID, c.SegmentSize} }

// Inventory is what the stores together hold of one cluster's log.
type Inventory struct {
	SystemID    wal.SystemID    `json:"system_id"`
	SegmentSize wal.SegmentSize `json:"segment_size_bytes"`
	Ranges      []StoredRange   `json:"ranges"`    // by timeline and number
	Histories   []StoredHistory `json:"histories"` // by timeline
	Tails       []StoredTail    `json:"tails"`     // of segments no store has whole
	Anomalies   []Anomaly       `json:"anomalies"`
	// Unanswered names stores that could not be listed. While it is not empty,
	// what is absent above is unknown, not absent.
	Unanswered []string `json:"unanswered,omitempty"`
}

// StoredRange is a run of segments that the same stores hold whole, be it as
// archived or as tail pieces that leave nothing out.
type StoredRange struct {
	wal.Range
	Stores     []string  `json:"stores"`
	ArchivedAt time.Time `json:"archived_at"` // of its last segment, by the store's clock
	SizeBytes  int64     `json:"size_bytes"`  // sealed, in one store
}

// StoredHistory is a timeline's history file.
type StoredHistory struct {
	Timeline wal.Timeline `json:"timeline"`
	History  *wal.History `json:"history,omitempty"`
	Key      string       `json:"key"`
	Stores   []string     `json:"stores"`
}

// StoredTail is how far the streamed pieces of an unfinished segment reach.
type StoredTail struct {
	Segment    wal.Segment `json:"segment"`
	ValidUpTo  wal.LSN     `json:"valid_up_to"` // first position not held
	ObservedAt time.Time   `json:"observed_at"` // when the last piece was stored
	Stores     []string    `json:"stores"`      // that hold every piece up to there
	Keys       []string    `json:"keys"`        // of the pieces, in order
}

// AnomalyKind says what is wrong with an archive.
type AnomalyKind string

// Kinds of anomaly.
const (
	AnomalyGap          AnomalyKind = "gap"           // segments missing between two of one timeline (L7: never across)
	AnomalyConflict     AnomalyKind = "conflict"      // one file name, different contents
	AnomalyDeleteMarker AnomalyKind = "delete-marker" // somebody deleted what is still there as a version
	AnomalyVersions     AnomalyKind = "versions"      // more than one version of an immutable object
	AnomalyStrange      AnomalyKind = "strange"       // a key that archiving never makes, or a size that nothing of the name can have
	AnomalyDamaged      AnomalyKind = "damaged"       // an object that cannot be read
)

// Anomaly is one thing a person should look at.
type Anomaly struct {
	Kind   AnomalyKind `json:"kind"`
	Store  string      `json:"store,omitempty"`
	Key    string      `json:"key,omitempty"`
	Detail string      `json:"detail"`
}

// TakeInventory lists what all stores hold of the cluster's log. Each store is
// listed once, concurrently; tail pieces of segments stored whole are skipped
// over. It fails only when no store answers.
func TakeInventory(ctx context.Context, c Cluster) (Inventory, error) {
	shelves := make([]shelfList, len(c.Stores))
	var listing sync.WaitGroup
	for i, one := range c.Stores {
		listing.Go(func() { shelves[i] = listShelf(ctx, c.place(), one) })
	}
	listing.Wait()
	b := newBuilder(c)
	var problems []error
	for i := range shelves {
		if shelves[i].err != nil {
			problems = append(problems, shelves[i].err)
			b.inventory.Unanswered = append(b.inventory.Unanswered, c.Stores[i].Name())
			continue
		}
		b.addShelf(i, &shelves[i])
	}
	if len(problems) == len(c.Stores) {
		return Inventory{}, failure.Wrap(failure.Unavailable, joinProblems(problems), "take inventory of %s", c.Source)
	}
	return b.finish(ctx)
}

// shelfList is what one store lists.
type shelfList struct {
	files     []object // segments and histories
	pieces    []object // of segments this store may not have whole
	anomalies []Anomaly
	err       error
}

// listShelf walks one store's timelines, one after another.
func listShelf(ctx context.Context, p place, from store.Store) shelfList {
	var list shelfList
	after := ""
	for {
		key, err := firstKey(ctx, from, p.root(), after)
		if err != nil || key == "" {
			list.err = err
			return list
		}
		folder := key[len(p.root()):min(len(key), len(p.root())+8)]
		tli, err := parseTimeline(folder)
		if err != nil {
			list.strange(from, key, err)
			after = key
			continue
		}
		known := len(list.files)
		list.err = list.walk(ctx, p, from, span{prefix: p.files(tli)}, &list.files)
		if list.err == nil {
			unstored := span{prefix: p.tails(tli), after: firstUnstored(p, tli, list.files[known:])}
			list.err = list.walk(ctx, p, from, unstored, &list.pieces)
		}
		if list.err != nil {
			return list
		}
		after = p.timeline(tli) + afterAll
	}
}

// firstUnstored returns the key after which pieces of segments lie that the
// listing lacks: those before it are only leftovers of segments stored whole.
func firstUnstored(p place, tli wal.Timeline, files []object) string {
	var last *object
	for i := range files {
		if files[i].File.Kind != wal.FileSegment {
			continue
		}
		if last != nil && files[i].File.Segment.Number > last.File.Segment.Number+1 {
			break
		}
		last = &files[i]
	}
	if last == nil {
		return ""
	}
	return p.tails(tli) + last.Name + afterAll
}

// span is a stretch of keys: those below prefix that lie behind after and, unless it is
// "", not behind until.
type span struct{ prefix, after, until string }

// walk lists a span of one store's keys into into: also what came before an error.
func (l *shelfList) walk(ctx context.Context, p place, from store.Store, keys span, into *[]object) error {
	versions := from.Capabilities().Versions
	previous := ""
	for obj, err := range from.List(ctx, keys.prefix, store.ListOptions{After: keys.after, Versions: versions}) {
		if err != nil {
			return failure.Wrap(failure.ClassOf(err), err, "list %s in %s", keys.prefix, from.Name())
		}
		switch {
		case keys.until != "" && obj.Key > keys.until:
			return nil
		case obj.DeleteMarker:
			l.note(AnomalyDeleteMarker, from, obj.Key, "a delete marker lies over it")
			continue
		case obj.Key == previous:
			l.note(AnomalyVersions, from, obj.Key, "more than one version")
			continue
		}
		previous = obj.Key
		parsed, err := p.parseListed(obj)
		if err != nil {
			l.strange(from, obj.Key, err)
			continue
		}
		*into = append(*into, parsed)
	}
	return nil
}

func (l *shelfList) strange(from store.Store, key string, why error) {
	l.note(AnomalyStrange, from, key, "archiving makes no such object: "+why.Error())
}

// maxAnomalies bounds what a hostile store can make an inventory hold.
const maxAnomalies = 10_000

func (l *shelfList) note(kind AnomalyKind, from store.Store, key, detail string) {
	if len(l.anomalies) < maxAnomalies {
		l.anomalies = append(l.anomalies, Anomaly{Kind: kind, Store: from.Name(), Key: key, Detail: detail})
	}
}

func compareSegments(a, b wal.Segment) int {
	return cmp.Or(cmp.Compare(a.Timeline, b.Timeline), cmp.Compare(a.Number, b.Number))
}

func sortedSegments[V any](of map[wal.Segment]V) []wal.Segment {
	list := make([]wal.Segment, 0, len(of))
	for seg := range of {
		list = append(list, seg)
	}
	slices.SortFunc(list, compareSegments)
	return list
}
