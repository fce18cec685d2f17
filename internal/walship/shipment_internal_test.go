package walship

import (
	"bytes"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const testSegment = 1 << 20

// received is a shipment of 1 MiB segments that has just got bytes from the start
// of segment 1 on.
func received(t *testing.T, length int) *shipment {
	t.Helper()
	s := newShipment(&tail{
		settings: settings.Settings{SegmentSizeBytes: testSegment, Tail: settings.Tail{Interval: 2 * time.Second}},
		archiver: &Archiver{}, meter: &meter{},
	}, position{timeline: 1, from: testSegment})
	for at := 0; at < length; at += 100_000 {
		data := bytes.Repeat([]byte{byte(at / 100_000)}, min(100_000, length-at))
		if err := s.take(message{start: wal.LSN(testSegment + at), data: data}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestTailShipsWhatHasWaited(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		length    int
		waited    time.Duration
		sinceLast time.Duration
		due       bool
	}{
		"nothing":                    {waited: time.Hour, sinceLast: time.Hour},
		"fresh":                      {length: 100, waited: time.Second, sinceLast: time.Hour},
		"a fresh segment":            {length: testSegment, waited: time.Second, sinceLast: time.Hour},
		"waited":                     {length: 100, waited: 2 * time.Second, sinceLast: 2 * time.Second, due: true},
		"waited, tried a moment ago": {length: 100, waited: time.Hour, sinceLast: time.Second},
		"half full":                  {length: 2 * testSegment, waited: time.Second, sinceLast: time.Second, due: true},
		"half full, tried just now":  {length: 2 * testSegment, waited: time.Second, sinceLast: 10 * time.Millisecond},
	} {
		s := received(t, tt.length)
		now := time.Now().Add(tt.waited)
		s.lastTry = now.Add(-tt.sinceLast)
		if due, archived := s.due(now); due != tt.due || archived {
			t.Errorf("%s: due %v, archived %v", name, due, archived)
		}
	}
}

// A segment that was archived whole is let go of, and no byte of the next one; what
// is left keeps its age.
func TestTailLetsGoOfArchivedSegments(t *testing.T) {
	t.Parallel()
	s := received(t, testSegment+5)
	first := s.oldest()
	s.note(2*testSegment+5, first.Add(time.Minute))
	s.append([]byte("later"))
	if _, archived := s.due(time.Now()); archived {
		t.Error("said to be archived before it was")
	}
	s.tail.archiver.recent.add(wal.Segment{Timeline: 1, Number: 1})
	if due, archived := s.due(time.Now()); due || !archived {
		t.Errorf("due %v, archived %v", due, archived)
	}
	if err := s.ship(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if s.safe() != 2*testSegment || string(s.buffer[5:]) != "later" || len(s.buffer) != 10 {
		t.Errorf("safe up to %s, %d bytes left", s.safe(), len(s.buffer))
	}
	if !s.oldest().Equal(first) {
		t.Errorf("the first byte left came at %s, not at %s", first, s.oldest())
	}
	s.settle(5)
	if !s.oldest().Equal(first.Add(time.Minute)) {
		t.Errorf("the later bytes came at %s", s.oldest())
	}
}

func TestTailRestsWhileSegmentsSuffice(t *testing.T) {
	t.Parallel()
	const interval = time.Minute
	now := time.Now()
	for name, tt := range map[string]struct {
		archived []uint64
		writing  wal.Segment
		after    time.Duration
		rests    bool
	}{
		"nothing archived":        {writing: wal.Segment{Timeline: 1, Number: 7}},
		"one alone":               {archived: []uint64{6}, writing: wal.Segment{Timeline: 1, Number: 7}},
		"two, the last one":       {archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 1, Number: 7}, rests: true},
		"two, one more waits":     {archived: []uint64{4, 5}, writing: wal.Segment{Timeline: 1, Number: 7}, rests: true},
		"of a backlog":            {archived: []uint64{1, 2, 3, 4}, writing: wal.Segment{Timeline: 1, Number: 7}},
		"on another timeline":     {archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 2, Number: 7}},
		"two, but not since long": {archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 1, Number: 7}, after: 2 * interval},
	} {
		var recent recentSegments
		for _, number := range tt.archived {
			recent.add(wal.Segment{Timeline: 1, Number: number})
		}
		if got := recent.aheadOfTail(tt.writing, now.Add(tt.after), interval); got != tt.rests {
			t.Errorf("%s: rests %v", name, got)
		}
	}
}

// What comes first after a rest may be as old as the last archived segment but one,
// and is shipped as if it were.
func TestTailGoesOnAfterARestAsIfItHadBeenThere(t *testing.T) {
	t.Parallel()
	archiver := &Archiver{}
	archiver.recent.newest[1] = time.Now().Add(-1500 * time.Millisecond)
	s := newShipment(&tail{
		settings: settings.Settings{SegmentSizeBytes: testSegment, Tail: settings.Tail{Interval: 2 * time.Second}},
		archiver: archiver, meter: &meter{},
	}, position{timeline: 1, from: testSegment})
	if err := s.take(message{start: testSegment, data: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.due(time.Now()); due {
		t.Error("shipped before the interval")
	}
	if due, _ := s.due(time.Now().Add(600 * time.Millisecond)); !due {
		t.Error("waits a whole interval more")
	}
}
