package evidence_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"pgregory.net/rapid"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// leaseTTL is that of every lease in a world.
const leaseTTL = time.Minute

// leaseWorld is a few stores with clocks of their own, and actors who want the lease on
// one service. Whenever an actor calls a store the others may act first, time may pass,
// and the answer may be lost, with or without what was asked for being done. Everything
// runs in one goroutine, in an order that is drawn.
type leaseWorld struct {
	t       *rapid.T
	now     time.Time
	offsets []time.Duration // of the stores' clocks
	stores  []*memory.Store
	actors  []*actor
	depth   int    // actors within whose calls others act
	calm    bool   // every store answers, and nothing comes between
	highest uint64 // token granted
}

// actor is one run, or one person, that asks for the lease again and again.
type actor struct {
	name    string
	busy    bool
	lines   []*line // by which it reaches the stores
	lease   stored.Lease
	granted bool // the newest answer about lease was a yes
	renewed int
	until   []time.Time // what the answer promised: the lease's end by each store's clock; zero: not there
}

func drawLeaseWorld(t *rapid.T) *leaseWorld {
	w := &leaseWorld{t: t, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	for i := range rapid.IntRange(2, 4).Draw(t, "stores") {
		offset := time.Duration(rapid.IntRange(-300, 300).Draw(t, "clock")) * time.Second
		w.offsets = append(w.offsets, offset)
		w.stores = append(w.stores, memory.New(fmt.Sprint("store ", i), func() time.Time { return w.now.Add(offset) }))
	}
	for _, name := range []string{"ann", "bob", "cid", "dan"} {
		a := &actor{name: name}
		for _, s := range w.stores {
			a.lines = append(a.lines, &line{Store: s, world: w})
		}
		w.actors = append(w.actors, a)
	}
	return w
}

// activities are the actor's, over lines that may break.
func (a *actor) activities() *stored.Activities {
	all := &stored.Activities{}
	for _, l := range a.lines {
		all.Stores = append(all.Stores, l)
	}
	return all
}

// line is how an actor reaches a store.
type line struct {
	store.Store

	world *leaseWorld
	deaf  bool // loses every release: these go to all stores side by side, and draw nothing
}

// breaks lets what may happen before a call happen, and draws whether the call is lost.
func (l *line) breaks(key string) bool {
	w := l.world
	switch {
	case strings.HasSuffix(key, "/release.json"):
		return l.deaf
	case w.calm:
		return false
	}
	w.now = w.now.Add(time.Millisecond)
	if w.toss("something happens", 3) {
		w.wait()
		if w.depth < 3 {
			w.act()
		}
	}
	return w.toss("the call is lost", 5)
}

// toss draws whether something happens that happens once in two to the power of n times.
// Numbers would be drawn small too often.
func (w *leaseWorld) toss(what string, n int) bool {
	for range n {
		if !rapid.Bool().Draw(w.t, what) {
			return false
		}
	}
	return true
}

// wait lets no time pass, or some of a lease, or more than a whole one.
func (w *leaseWorld) wait() {
	if w.toss("time passes", 1) {
		w.now = w.now.Add(leaseTTL / 4)
	}
	if w.toss("much time passes", 2) {
		w.now = w.now.Add(leaseTTL)
	}
}

func (l *line) lost() error {
	return failure.New(failure.Unavailable, "no answer from %s", l.Name())
}

func (l *line) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if l.breaks(key) {
		return store.Object{}, l.lost()
	}
	object, err := l.Store.Put(ctx, key, body, opts)
	if !l.world.calm && !strings.HasSuffix(key, "/release.json") && l.world.toss("the answer is lost", 5) {
		return store.Object{}, l.lost()
	}
	return object, err
}

func (l *line) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if l.breaks(key) {
		return nil, store.Object{}, l.lost()
	}
	return l.Store.Get(ctx, key, opts)
}

func (l *line) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if l.breaks(key) {
		return store.Object{}, l.lost()
	}
	return l.Store.Stat(ctx, key, version)
}

func (l *line) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	if l.breaks(prefix) {
		return func(yield func(store.Object, error) bool) { yield(store.Object{}, l.lost()) }
	}
	return l.Store.List(ctx, prefix, opts)
}

func (l *line) Delete(ctx context.Context, key, version string) error {
	if l.breaks(key) {
		return l.lost()
	}
	return l.Store.Delete(ctx, key, version)
}
