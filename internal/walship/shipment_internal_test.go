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
	s.marks = s.marks[:min(1, len(s.marks))] // at once, however slow this machine is
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
		lacking  uint64 // the first segment that stores lack
		writing  wal.Segment
		after    time.Duration
		rests    bool
	}{
		"nothing archived":        {lacking: 7, writing: wal.Segment{Timeline: 1, Number: 7}},
		"one alone":               {lacking: 7, archived: []uint64{6}, writing: wal.Segment{Timeline: 1, Number: 7}},
		"two, the last one":       {lacking: 7, archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 1, Number: 7}, rests: true},
		"two, one more waits":     {lacking: 6, archived: []uint64{4, 5}, writing: wal.Segment{Timeline: 1, Number: 7}, rests: true},
		"of a backlog":            {lacking: 5, archived: []uint64{1, 2, 3, 4}, writing: wal.Segment{Timeline: 1, Number: 7}},
		"on another timeline":     {lacking: 7, archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 2, Number: 7}},
		"of all since a rest":     {archived: []uint64{3, 4, 5}, lacking: 3, writing: wal.Segment{Timeline: 1, Number: 7}, rests: true},
		"one left out":            {archived: []uint64{3, 5, 6}, lacking: 3, writing: wal.Segment{Timeline: 1, Number: 7}},
		"two, but not since long": {lacking: 7, archived: []uint64{5, 6}, writing: wal.Segment{Timeline: 1, Number: 7}, after: 2 * interval},
	} {
		var recent recentSegments
		for _, number := range tt.archived {
			recent.add(wal.Segment{Timeline: 1, Number: number})
		}
		if got := recent.aheadOfTail(wal.Segment{Timeline: 1, Number: tt.lacking}, tt.writing, now.Add(tt.after), interval); got != tt.rests {
			t.Errorf("%s: rests %v", name, got)
		}
	}
}

// sinceTail is a tail at the start of segment 7, of which the server has written some.
func sinceTail(t *testing.T) (*tail, position) {
	t.Helper()
	return &tail{
		settings: settings.Settings{SegmentSizeBytes: testSegment, DataDir: t.TempDir(), Tail: settings.Tail{Interval: 2 * time.Second}},
		archiver: &Archiver{}, meter: &meter{},
	}, position{timeline: 1, from: 7 * testSegment, flushed: 7*testSegment + 100}
}

// What comes first after a rest may be as old as the last archived segment but one,
// and is shipped as if it were.
func TestTailGoesOnAfterARestAsIfItHadBeenThere(t *testing.T) {
	t.Parallel()
	stream, where := sinceTail(t)
	for _, number := range []uint64{5, 6} {
		stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: number})
	}
	stream.archiver.recent.newest[1] = time.Now().Add(-1500 * time.Millisecond)
	s := newShipment(stream, where)
	if err := s.take(message{start: where.from, data: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if due, _ := s.due(time.Now()); due {
		t.Error("shipped before the interval")
	}
	if due, _ := s.due(time.Now().Add(600 * time.Millisecond)); !due {
		t.Error("waits a whole interval more")
	}
}

// Whatever ends a session: what comes first in the next one is no older than what
// the last one had not shipped, and no younger either.
func TestFirstBytesAreAsOldAsTheLastSessionLeftThem(t *testing.T) {
	t.Parallel()
	hourAgo, minuteAgo := time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() < 10*time.Second }
	stream, where := sinceTail(t)
	archive := func(numbers ...uint64) {
		stream.archiver.recent = recentSegments{}
		for _, number := range numbers {
			stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: number})
		}
	}
	archive(5, 6)
	stream.archiver.recent.newest[1] = hourAgo
	if got := stream.since(where); !near(got, hourAgo) {
		t.Errorf("without a session before: since %s", got)
	}
	newShipment(stream, position{timeline: 1, from: where.from, flushed: where.from}).end()
	if got := stream.since(where); !near(got, time.Now()) {
		t.Errorf("after a session that had all safe: since %s", got)
	}
	left := newShipment(stream, position{timeline: 1, from: where.from, flushed: where.from})
	if err := left.take(message{start: where.from, data: []byte("left")}); err != nil {
		t.Fatal(err)
	}
	left.marks[0].at = minuteAgo
	left.end()
	if got := stream.since(where); !near(got, minuteAgo) {
		t.Errorf("after a session that left bytes of a minute ago: since %s", got)
	}
	archive(1, 2)
	if got := stream.since(where); !near(got, minuteAgo) {
		t.Errorf("while a backlog is archived: since %s", got)
	}
	if got := stream.since(position{timeline: 1, from: where.from, flushed: where.from}); !got.IsZero() {
		t.Errorf("of nothing: since %s", got)
	}
}

// Between sessions nobody knows how much the server has written.
func TestLagIsUnknownWhileTheServerIsNotAsked(t *testing.T) {
	t.Parallel()
	stream, where := sinceTail(t)
	lag := func() int64 { return stream.meter.snapshot(time.Now()).TailLagBytes }
	if lag() != -1 {
		t.Errorf("before a session: %d bytes", lag())
	}
	s := newShipment(stream, where)
	if lag() != 100 {
		t.Errorf("where the server has written 100 bytes that stores lack: %d bytes", lag())
	}
	if err := s.take(message{start: where.from, end: where.flushed + 50, data: make([]byte, 100)}); err != nil {
		t.Fatal(err)
	}
	s.settle(100)
	if lag() != 50 {
		t.Errorf("where 50 bytes are still to come: %d bytes", lag())
	}
	s.end()
	if lag() != -1 {
		t.Errorf("after a session: %d bytes", lag())
	}
}
