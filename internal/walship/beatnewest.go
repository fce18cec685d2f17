package walship

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/store"
)

// AnomalyUnread says that heartbeats were left out: there are more than are read.
const AnomalyUnread AnomalyKind = "unread"

// Heartbeats are small objects, which cost a round trip each, and how many there are a
// store's clients decide. What is read of one store takes minutes at most, at 50 ms each.
const (
	maxBeatObjects = 50_000  // almost three days, shipped every five seconds
	maxBeatsRead   = 500_000 // almost six days, one a second
	beatsAtOnce    = 16      // round trips beside one another
)

// beatLimits bound what is read of one store.
type beatLimits struct {
	objects int
	beats   int // no further object is read from then on
}

// newest are the objects of a listing that were stored last, by the store's clock: who
// adds objects later cannot make them older, and no name says when an object was stored.
type newest struct {
	most    int
	objects []store.Object
	left    int       // objects that were left out
	upTo    time.Time // when the newest of those was stored
}

func (n *newest) add(obj store.Object) {
	n.objects = append(n.objects, obj)
	if len(n.objects) >= 2*n.most { // a listing may have any length
		n.trim()
	}
}

func (n *newest) trim() {
	slices.SortFunc(n.objects, func(a, b store.Object) int {
		return cmp.Or(b.Modified.Compare(a.Modified), cmp.Compare(b.Key, a.Key))
	})
	if len(n.objects) > n.most {
		n.leave(n.objects[n.most:])
		n.objects = n.objects[:n.most]
	}
}

func (n *newest) leave(objects []store.Object) {
	n.left += len(objects)
	for _, obj := range objects {
		if obj.Modified.After(n.upTo) {
			n.upTo = obj.Modified
		}
	}
}

// chunks yields the objects, those stored last first.
func (n *newest) chunks() iter.Seq[[]store.Object] {
	n.trim()
	return slices.Chunk(n.objects, beatsAtOnce)
}

func (n *newest) text(limits beatLimits) string {
	return fmt.Sprintf("%d more objects, stored up to %s, were not read: the newest %d objects are, or %d heartbeats",
		n.left, n.upTo.UTC().Format(time.RFC3339), limits.objects, limits.beats)
}

// getAll reads objects beside one another, and returns what each holds or why it cannot
// be read.
func getAll(ctx context.Context, from store.Store, objects []store.Object) ([][]Beat, []error) {
	read, problems := make([][]Beat, len(objects)), make([]error, len(objects))
	var reading sync.WaitGroup
	for i, obj := range objects {
		reading.Go(func() { read[i], problems[i] = getBeats(ctx, from, obj.Key) })
	}
	reading.Wait()
	return read, problems
}
