package walship

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const beatSystem wal.SystemID = 7301234567890123456

// beatShelf is a directory store with heartbeats of one system.
type beatShelf struct {
	*file.Store
	t *testing.T
}

func newBeatShelf(t *testing.T) *beatShelf {
	t.Helper()
	opened, err := file.Open(file.Config{Name: "near", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return &beatShelf{Store: opened, t: t}
}

// put stores an object under any key.
func (s *beatShelf) put(key string, body []byte) {
	s.t.Helper()
	opts := store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body)}
	if _, err := s.Put(s.t.Context(), key, bytes.NewReader(body), opts); err != nil {
		s.t.Fatal(err)
	}
}

// beats stores one true object of first to last, under an incarnation's prefix.
func (s *beatShelf) beats(under, incarnation string, first, last uint64) {
	s.t.Helper()
	var beats []Beat
	for _, seq := range []uint64{first, last} {
		if len(beats) == 0 || last > first {
			beats = append(beats, Beat{
				Seq: seq, At: time.Unix(1, 0), LSN: 1, CommitLSN: 2, SystemID: beatSystem, Timeline: 1, Incarnation: incarnation, Acknowledged: time.Unix(1, 0),
			})
		}
	}
	name, body, err := encodeBeats(beats)
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(under+name, body)
}

// highest asks what the store knows up to a sequence, and returns how many objects were doubted.
func (s *beatShelf) highest(most uint64) (last uint64, doubted int) {
	s.t.Helper()
	last, err := highestBeat(s.t.Context(), s, "orders", beatSystem, most, func(err error) {
		if !failure.Is(err, failure.Corrupt) {
			s.t.Errorf("doubted for %v", err)
		}
		doubted++
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return last, doubted
}

func forgedName(first, last uint64) string {
	return fmt.Sprintf("%020d-%020d-%s.json", first, last, strings.Repeat("a", sumDigits))
}

// Names cost nothing: whoever can write to a store can make heartbeats go on from no
// number that they could not go on from, nor from one that nobody wrote.
func TestForgedHeartbeatsAreNotGoneOnFrom(t *testing.T) {
	t.Parallel()
	under := beatPrefix("orders", beatSystem, "REAL")
	for what, c := range map[string]struct {
		forge   func(*beatShelf)
		doubted int
	}{
		"nothing":                   {func(*beatShelf) {}, 0},
		"the end of bigint":         {func(s *beatShelf) { s.put(under+forgedName(1<<63-2, 1<<63-2), []byte("{}")) }, 0},
		"the end of uint64":         {func(s *beatShelf) { s.put(under+forgedName(1, 1<<64-1), []byte("{}")) }, 0},
		"a name within reach":       {func(s *beatShelf) { s.put(under+forgedName(5000, 5001), []byte("{}")) }, 1},
		"the end of what is read":   {func(s *beatShelf) { s.put(under+forgedName(maxSequence, maxSequence), []byte("{}")) }, 1},
		"true, and never reached":   {func(s *beatShelf) { s.beats(under, "REAL", maxLearned+1, maxLearned+1) }, 1},
		"true, too far ahead":       {func(s *beatShelf) { s.beats(under, "REAL", 990+maxAhead+1, 990+maxAhead+1) }, 1},
		"of another, too far ahead": {func(s *beatShelf) { s.beats(beatPrefix("orders", beatSystem, "Z"), "Z", 1<<50, 1<<51) }, 1},
		"goes too far ahead":        {func(s *beatShelf) { s.beats(under, "REAL", 2000, 990+maxAhead+1) }, 1},
		"many, too far ahead": {func(s *beatShelf) {
			for n := range uint64(40) {
				s.beats(under, "REAL", 1<<40+2*n, 1<<40+2*n)
			}
		}, 1},
		"of another incarnation":     {func(s *beatShelf) { s.beats(under, "OTHER", 5000, 5005) }, 1},
		"a name of its own":          {func(s *beatShelf) { s.put(under+"zzz", []byte("{}")) }, 0},
		"an incarnation of its own":  {func(s *beatShelf) { s.put(beatPrefix("orders", beatSystem, "ZZZ")+forgedName(7, 9), []byte("{}")) }, 1},
		"of one first with the last": {func(s *beatShelf) { s.put(under+forgedName(991, 999_999), []byte("{}")) }, 1},
		"several": {func(s *beatShelf) {
			for n := range uint64(5) {
				s.put(under+forgedName(5000+1000*n, 5000+1000*n), []byte("{}"))
			}
		}, 5},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newBeatShelf(t)
			for first := uint64(1); first < 1000; first += 10 {
				s.beats(under, "REAL", first, first+9)
			}
			c.forge(s)
			if last, doubted := s.highest(learnable(990)); last != 1000 || doubted != c.doubted {
				t.Errorf("last is %d, %d doubted; want 1000, %d", last, doubted, c.doubted)
			}
		})
	}
}

func TestHighestBeatIsTheHighest(t *testing.T) {
	t.Parallel()
	source := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's cases
	for range 60 {
		s := newBeatShelf(t)
		want, first := uint64(0), uint64(0)
		for range source.IntN(6) {
			first += 1 + source.Uint64N(uint64(1)<<source.IntN(44))
			incarnation := []string{"FIRST", "SECOND"}[source.IntN(2)]
			length := source.Uint64N(5)
			s.beats(beatPrefix("orders", beatSystem, incarnation), incarnation, first, first+length)
			if source.IntN(3) == 0 { // a crash while it was closed
				length++
				s.beats(beatPrefix("orders", beatSystem, incarnation), incarnation, first, first+length)
			}
			first += length
			want = first
		}
		if last, doubted := s.highest(learnable(maxLearned)); last != want || doubted != 0 {
			t.Errorf("last is %d, %d doubted; want %d", last, doubted, want)
		}
	}
}
