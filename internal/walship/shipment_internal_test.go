package walship

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/storetest/memory"
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
		length int
		waited time.Duration
		failed time.Duration // ago; zero: it did not
		due    due
	}{
		"nothing":                      {waited: time.Hour},
		"fresh":                        {length: 100, waited: time.Second},
		"two fresh segments":           {length: 2 * testSegment, waited: time.Second},
		"waited":                       {length: 100, waited: 2 * time.Second, due: due{waited: true}},
		"waited, failed a moment ago":  {length: 100, waited: time.Hour, failed: time.Second},
		"waited, failed a while ago":   {length: 100, waited: time.Hour, failed: 3 * time.Second, due: due{waited: true}},
		"almost full":                  {length: 3 * testSegment, waited: time.Second, due: due{pressed: true}},
		"almost full, failed just now": {length: 3 * testSegment, waited: time.Second, failed: 10 * time.Millisecond},
	} {
		s := received(t, tt.length)
		now := time.Now().Add(tt.waited)
		if tt.failed > 0 {
			s.failed = now.Add(-tt.failed)
		}
		if got := s.due(now); got != tt.due {
			t.Errorf("%s: due %+v", name, got)
		}
	}
}

// While a segment is archived, the bytes behind it have not waited: they are not shipped
// with those that have, unless room is short, and then as whole segments.
func TestTailHoldsBackWhatMayBeArchivedWhole(t *testing.T) {
	t.Parallel()
	const interval = 2 * time.Second
	for name, tt := range map[string]struct {
		second time.Duration // how long segment 2 has waited
		length int
		safe   wal.LSN
		pieces int
	}{
		"the second is fresh":       {second: time.Second, length: testSegment + 5, safe: 2 * testSegment, pieces: 1},
		"the second waited as well": {second: interval, length: testSegment + 5, safe: 2*testSegment + 5, pieces: 2},
		"room is short":             {second: time.Second, length: 3*testSegment + 5, safe: 4 * testSegment, pieces: 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			near := memory.New("near", time.Now)
			s := received(t, 0)
			s.tail.archiver = &Archiver{
				settings: settings.Settings{Archive: settings.Archive{Timeout: time.Minute}},
				place:    place{source: "orders", system: 7, size: testSegment}, shelves: []*shelf{{Store: near}},
				seal:  func(plain []byte, _ string) ([]byte, error) { return plain, nil },
				spool: &spool{}, report: newReporter(zap.NewNop(), nil), meter: &meter{}, ctx: t.Context(),
			}
			give := func(from, to int) {
				if err := s.take(message{start: wal.LSN(testSegment + from), data: make([]byte, to-from)}); err != nil {
					t.Fatal(err)
				}
			}
			give(0, testSegment)
			pause(t.Context(), interval-tt.second)
			give(testSegment, tt.length)
			pause(t.Context(), tt.second)
			s.advance(t.Context(), time.Now())
			s.shipper.done.Wait()
			if s.safe() != tt.safe {
				t.Errorf("%s: safe up to %s, want %s", name, s.safe(), tt.safe)
			}
			pieces := 0
			for _, err := range near.List(t.Context(), "", store.ListOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				pieces++
			}
			if pieces != tt.pieces {
				t.Errorf("%s: %d pieces were shipped, want %d", name, pieces, tt.pieces)
			}
		})
	}
}

// A segment that was archived whole is let go of, and no byte of the next one; what
// is left keeps its age.
func TestTailLetsGoOfArchivedSegments(t *testing.T) {
	t.Parallel()
	s := received(t, testSegment+5)
	first := s.waiting()
	s.note(2*testSegment+5, first.Add(time.Minute))
	s.append([]byte("later"))
	if s.due(time.Now()).archived {
		t.Error("said to be archived before it was")
	}
	s.tail.archiver.recent.add(wal.Segment{Timeline: 1, Number: 1}, time.Now())
	if got := s.due(time.Now()); got != (due{archived: true}) {
		t.Errorf("due %+v", got)
	}
	if err := s.ship(t.Context(), func(piece) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if s.safe() != 2*testSegment || string(s.buffer[5:]) != "later" || len(s.buffer) != 10 {
		t.Errorf("safe up to %s, %d bytes left", s.safe(), len(s.buffer))
	}
	if !s.waiting().Equal(first) {
		t.Errorf("the first byte left came at %s, not at %s", first, s.waiting())
	}
	s.settle(5)
	if !s.waiting().Equal(first.Add(time.Minute)) {
		t.Errorf("the later bytes came at %s", s.waiting())
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

// What comes first after a rest may be as old as the last byte of the segment that was
// archived last, and is shipped as if it were.
func TestTailGoesOnAfterARestAsIfItHadBeenThere(t *testing.T) {
	t.Parallel()
	stream, where := sinceTail(t)
	stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: 6}, time.Now().Add(-1500*time.Millisecond))
	s := newShipment(stream, where)
	if err := s.take(message{start: where.from, data: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	if s.due(time.Now()).waited {
		t.Error("shipped before the interval")
	}
	if !s.due(time.Now().Add(600 * time.Millisecond)).waited {
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
	stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: 6}, hourAgo)
	if got := stream.since(where); !near(got, hourAgo) {
		t.Errorf("without a session before: since %s", got)
	}
	newShipment(stream, position{timeline: 1, from: where.from, flushed: where.from, asked: time.Now()}).end()
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
	stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: 2}, hourAgo)
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

// What a session may lack was written after the server was last heard, however long a
// shipping went on after that.
func TestASlowStoreMakesNothingYounger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stream, where := sinceTail(t)
		s := newShipment(stream, position{timeline: 1, from: where.from, flushed: where.from, asked: time.Now()})
		if err := s.take(message{start: where.from, end: where.from + 5, data: []byte("bytes")}); err != nil {
			t.Fatal(err)
		}
		heard := time.Now()
		s.shipper.try(func() {
			pause(t.Context(), time.Minute)
			s.settle(5)
		})
		s.end()
		if !stream.settled.Equal(heard) {
			t.Errorf("settled %s after the server was heard", stream.settled.Sub(heard))
		}
	})
}

// Bytes that the server had written before they could be received are as old as that.
func TestABacklogIsAsOldAsItMayBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stream, where := sinceTail(t)
		hourAgo := time.Now().Add(-time.Hour)
		stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: 6}, hourAgo)
		s := newShipment(stream, where)
		end := where.from
		give := func(behind int) time.Time {
			t.Helper()
			if err := s.take(message{start: end, end: end + 50 + wal.LSN(behind), data: make([]byte, 50)}); err != nil {
				t.Fatal(err)
			}
			end += 50
			return s.cameAt(end - 1)
		}
		if at := give(50); !at.Equal(hourAgo) {
			t.Errorf("the first bytes came at %s", at)
		}
		pause(t.Context(), time.Second)
		if at := give(0); !at.Equal(hourAgo) {
			t.Errorf("the rest of what was written before the session came at %s", at)
		}
		pause(t.Context(), time.Second)
		if at := give(50); !at.Equal(time.Now()) {
			t.Errorf("what was written since came %s ago", time.Since(at))
		}
		began := time.Now()
		s.stall()
		pause(t.Context(), time.Minute)
		s.stall()
		if at := give(50); !at.Equal(began) {
			t.Errorf("what was written during a stall came %s after it began", at.Sub(began))
		}
		s.settle(int(end - where.from))
		if at := s.waiting(); !at.Equal(began) {
			t.Errorf("what is still to come of a stall counts since %s", at)
		}
		give(0)
		if s.settle(50); !s.waiting().IsZero() {
			t.Errorf("nothing is left, and counts since %s", s.waiting())
		}
		s.stall()
		began = time.Now()
		pause(t.Context(), time.Second)
		if s.quiet(); !s.waiting().Equal(began) {
			t.Errorf("nothing was heard since a stall, and what is to come counts since %s", s.waiting())
		}
		if err := s.take(message{end: end}); err != nil {
			t.Fatal(err)
		}
		if s.quiet(); !s.waiting().IsZero() {
			t.Errorf("the server is quiet after a stall, and something counts since %s", s.waiting())
		}
	})
}

// A clock that was set back says of a file that it is from the future.
func TestAFileFromTheFutureIsOfNow(t *testing.T) {
	t.Parallel()
	stream, where := sinceTail(t)
	path := filepath.Join(stream.settings.DataDir, "pg_wal", stream.settings.SegmentSizeBytes.Name(wal.Segment{Timeline: 1, Number: 7}))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(-time.Hour)} {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		want := at
		if now := time.Now(); at.After(now) {
			want = now
		}
		if got := stream.since(where); got.Sub(want).Abs() > 10*time.Second {
			t.Errorf("a file of %s: bytes wait since %s", at, got)
		}
	}
}
