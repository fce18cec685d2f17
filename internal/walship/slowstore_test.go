package walship_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// listed is a log of which stores list objects that nobody opens.
type listed struct {
	walship.Cluster

	stores []*memory.Slow
}

const listedSize = wal.SegmentSize(1 << 20)

func newListed(stores int) *listed {
	l := &listed{Cluster: walship.Cluster{Source: "orders", SystemID: 7, SegmentSize: listedSize}}
	for i := range stores {
		one := &memory.Slow{Store: memory.New(fmt.Sprintf("store-%d", i), time.Now)}
		l.stores = append(l.stores, one)
		l.Stores = append(l.Stores, one)
	}
	return l
}

// put stores something under the name of an archived file.
func (l *listed) put(t testing.TB, into int, name string) {
	t.Helper()
	const content = "sealed"
	body := strings.Repeat(content, 100)
	sum := store.DigestOf([]byte(body))
	key := fmt.Sprintf("v1/orders/wal/%s/%s-%s.zst.pgp", l.SystemID, name, sum.String()[:32])
	if _, err := l.stores[into].Put(t.Context(), key, strings.NewReader(body), store.PutOptions{SizeBytes: int64(len(body)), SHA256: sum}); err != nil {
		t.Fatal(err)
	}
}

func (l *listed) whole(t testing.TB, into int, first, last uint64) {
	t.Helper()
	for number := first; number <= last; number++ {
		l.put(t, into, "00000001/"+l.SegmentSize.Name(wal.Segment{Timeline: 1, Number: number}))
	}
}

// pieces stores what the tail shipped of segments: so many for each, up to the end.
func (l *listed) pieces(t testing.TB, into int, first, last, each uint64) {
	t.Helper()
	for number := first; number <= last; number++ {
		seg := wal.Segment{Timeline: 1, Number: number}
		for i := range each {
			step := uint64(l.SegmentSize) / each
			from := uint64(l.SegmentSize.Start(seg)) + i*step
			to := from + step
			if i == each-1 {
				to = uint64(l.SegmentSize.Start(seg.Next()))
			}
			l.put(t, into, fmt.Sprintf("00000001/tail/%s-%016X-%016X", l.SegmentSize.Name(seg), from, to))
		}
	}
}

func (l *listed) held(ctx context.Context, from, until uint64) (wal.LSN, error) {
	return walship.HeldUpTo(ctx, l.Cluster, wal.History{Timeline: 1}.Path(), listedAt(from), listedAt(until))
}

// listedAt is where a segment begins.
func listedAt(number uint64) wal.LSN { return wal.LSN(number * uint64(listedSize)) }

// What lies behind the segments asked about is not listed, and pieces only of those that
// nobody has whole.
func TestHeldUpToListsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newListed(1)
		l.stores[0].Page = 100 * time.Millisecond
		l.whole(t, 0, 1, 200)
		l.pieces(t, 0, 1, 200, 100)
		l.pieces(t, 0, 201, 201, 8)
		for _, c := range []struct {
			what        string
			from, until uint64
			pages       int64
		}{
			{"one segment long ago", 3, 4, 1},
			{"all whole ones", 1, 201, 1},
			{"all, and the pieces of the last one", 1, 202, 2},
		} {
			l.stores[0].Pages.Store(0)
			if got, err := l.held(t.Context(), c.from, c.until); err != nil || got != listedAt(c.until) {
				t.Errorf("%s: held up to %s, %v", c.what, got, err)
			}
			if got := l.stores[0].Pages.Load(); got > c.pages {
				t.Errorf("%s: %d pages, want %d", c.what, got, c.pages)
			}
		}
	})
}

// While archiving stands still segments are there in pieces only: their number is not
// how often stores are asked.
func TestHeldUpToTakesManySegmentsInPiecesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newListed(2)
		l.pieces(t, 0, 1, 100, 2)
		l.pieces(t, 1, 101, 200, 2)
		l.whole(t, 1, 50, 50)
		if got, err := l.held(t.Context(), 1, 201); err != nil || got != listedAt(201) {
			t.Errorf("held up to %s, %v", got, err)
		}
		for i, one := range l.stores {
			if got := one.Pages.Load(); got > 20 {
				t.Errorf("store %d was asked %d times", i, got)
			}
		}
	})
}

// A store that says something every now and then is listened to; one that says nothing
// is not waited for while the other holds all, and else for a while.
func TestHeldUpToWaitsForSilenceOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newListed(2)
		l.stores[0].Page = 9 * time.Second
		l.stores[1].Mute.Store(true)
		l.pieces(t, 0, 3, 3, 5000)
		began := time.Now()
		got, err := l.held(t.Context(), 3, 4)
		if took := time.Since(began); err != nil || got != listedAt(4) || took < 50*time.Second {
			t.Errorf("slow: held up to %s, %v, after %s", got, err, took)
		}
		l.stores[0].Page = 100 * time.Millisecond
		began = time.Now()
		got, err = l.held(t.Context(), 3, 4)
		if took := time.Since(began); err != nil || got != listedAt(4) || took > time.Second {
			t.Errorf("one holds all: held up to %s, %v, after %s", got, err, took)
		}
		began = time.Now()
		half := listedAt(3) + wal.LSN(listedSize)/5000*2500
		got, err = walship.HeldUpTo(t.Context(), l.Cluster, wal.History{Timeline: 1}.Path(), listedAt(3), half)
		if took := time.Since(began); err != nil || got != half || took > time.Second {
			t.Errorf("one holds all of half a segment: held up to %s, %v, after %s", got, err, took)
		}
		began = time.Now()
		got, err = l.held(t.Context(), 3, 5)
		if took := time.Since(began); !failure.Is(err, failure.Unavailable) || got != listedAt(4) || took > 15*time.Second {
			t.Errorf("one may hold more: held up to %s, %v, after %s", got, err, took)
		}
	})
}

// A look that is cut short knows what it heard.
func TestHeldUpToCountsWhatWasListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newListed(1)
		l.stores[0].Page = time.Second
		l.whole(t, 0, 1, 2500)
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		if got, err := l.held(ctx, 1, 2501); err == nil || got < listedAt(1900) || got > listedAt(2000) {
			t.Errorf("held up to %s, %v", got, err)
		}
	})
}

func TestFindHistoryAsksAllStoresAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newListed(2)
		l.stores[0].Mute.Store(true)
		text := []byte("1\t0/380000\tpromoted\n")
		sum := store.DigestOf(text)
		key := fmt.Sprintf("v1/orders/wal/%s/00000002/00000002.history-%s.clear", l.SystemID, sum.String()[:32])
		if _, err := l.stores[1].Put(t.Context(), key, strings.NewReader(string(text)), store.PutOptions{SizeBytes: int64(len(text)), SHA256: sum}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		history, err := walship.FindHistory(t.Context(), l.Cluster, 2)
		if took := time.Since(began); err != nil || len(history.Ancestors) != 1 || took > time.Second {
			t.Errorf("%+v, %v, after %s", history, err, took)
		}
		if _, err := walship.FindHistory(t.Context(), l.Cluster, 3); !failure.Is(err, failure.Unavailable) {
			t.Errorf("a history that only the silent store may have: %v", err)
		}
	})
}
