package walship

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
)

// everySecond stores one object of each five beats, from first on, whose sequence 1 would
// be of start.
func (s *beatShelf) everySecond(start time.Time, first, objects uint64) {
	s.t.Helper()
	for seq := first; seq < first+5*objects; seq += 5 {
		var beats []Beat
		for n := seq; n < seq+5; n++ {
			when := start.Add(time.Duration(n-first) * time.Second)
			beats = append(beats, Beat{Seq: n, At: when, LSN: 1, CommitLSN: 2, SystemID: beatSystem, Timeline: 1, Incarnation: "REAL", Acknowledged: when})
		}
		name, body, err := encodeBeats(beats)
		if err != nil {
			s.t.Fatal(err)
		}
		s.put(beatPrefix("orders", beatSystem, "REAL")+name, body)
	}
}

// However far sequences have got, only what was acknowledged since is read.
func TestWantedHeartbeatsAreFoundAtEverySequence(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for what, first := range map[string]uint64{
		"young": 1, "old": 300_000_000, "beyond 32 bits": 1 << 33, "at what is learned": maxLearned, "at the end": maxSequence - 2000,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newBeatShelf(t)
			s.everySecond(start, first, 200)
			from := &memory.Counted{Store: s}
			beats, odd, err := ReadHeartbeats(t.Context(), []store.Store{from}, "orders", start.Add(990*time.Second))
			if err != nil || len(odd) > 0 || len(beats) != 10 || beats[0].Seq != first+990 {
				t.Errorf("%d heartbeats, %v, %v", len(beats), odd, err)
			}
			if gets := from.Gets.Load(); gets > 80 {
				t.Errorf("%d objects were read for 2", gets)
			}
		})
	}
}

// However many objects there are, no more than the limits are read, of what was stored
// last; what is left out is said.
func TestHeartbeatsReadAreBounded(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		limits beatLimits
		forge  func(*beatShelf)
		first  uint64 // that is read; 0: any
		beats  int
		left   string
	}{
		"within":  {beatLimits{100, 1000}, func(*beatShelf) {}, 1, 500, ""},
		"objects": {beatLimits{40, 1000}, func(*beatShelf) {}, 301, 200, "60 more objects"},
		"beats":   {beatLimits{100, 150}, func(*beatShelf) {}, 341, 160, "68 more objects"}, // whole chunks
		"names that sort last": {beatLimits{40, 1000}, func(s *beatShelf) {
			for n := range 60 {
				s.put(beatPrefix("orders", beatSystem, "REAL")+strings.Repeat("z", n+1), []byte("{}"))
			}
		}, 301, 200, "60 more objects"},
		"stored before, sorting last": {beatLimits{40, 1000}, nil, 301, 200, "120 more objects"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newBeatShelf(t)
			if c.forge == nil {
				s.everySecond(start, 1<<50, 60)
				c.forge = func(*beatShelf) {}
			}
			s.everySecond(start, 1, 100)
			c.forge(s)
			from := &memory.Counted{Store: s}
			beats, odd, err := readHeartbeats(t.Context(), []store.Store{from}, "orders", time.Time{}, c.limits)
			if err != nil || len(beats) != c.beats || beats[0].Seq != c.first || beats[len(beats)-1].Seq != 500 {
				t.Fatalf("%d heartbeats, %v", len(beats), err)
			}
			if gets := from.Gets.Load(); gets != int64(c.beats/5) {
				t.Errorf("%d objects were read", gets)
			}
			unread := ""
			for _, one := range odd {
				if one.Kind == AnomalyUnread {
					unread = one.Detail
				}
			}
			if (unread == "") != (c.left == "") || !strings.HasPrefix(unread, c.left) {
				t.Errorf("said %q, want %q", unread, c.left)
			}
		})
	}
}
