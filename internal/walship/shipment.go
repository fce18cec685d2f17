package walship

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// shipment is the stream of one timeline on its way into the stores: bytes
// received, cut at segment borders, shipped when the first of them has waited an
// interval, safe when a store holds them. A segment that fills up sooner is archived
// whole: under load nothing is shipped twice.
type shipment struct {
	tail *tail
	tli  wal.Timeline

	mu      sync.Mutex
	start   wal.LSN   // of buffer: first byte that no store holds
	buffer  []byte    // received and not safe
	marks   []mark    // when that was
	behind  wal.LSN   // the server had written up to here, at least, when
	since   time.Time // that was known: bytes before it may be that old; zero: all of them came
	heard   time.Time // the last that the server said was said then, or what it was asked
	failed  time.Time // when shipping last did; zero: it did not since it last succeeded
	shipper once

	statusDue  atomic.Bool // the server should hear of progress
	lastStatus time.Time   // of the streaming goroutine alone
}

// mark says when the bytes from a position on were received, or a little later.
type mark struct {
	from wal.LSN
	at   time.Time
}

const (
	markEvery = 50 * time.Millisecond
	mostMarks = 4096 // then bytes count as old as the last mark
)

// newShipment begins where the stream does. What the server has written already may
// have been written long before: it counts as old as it can be.
func newShipment(t *tail, where position) *shipment {
	s := &shipment{tail: t, tli: where.timeline, start: where.from, since: t.since(where), behind: where.flushed, heard: where.asked}
	if where.flushed == 0 {
		s.behind = unknownEnd
	}
	t.meter.begin(where, s.since)
	return s
}

// unknownEnd stands for behind until the server says how far it has written.
const unknownEnd = wal.MaxLSN

// end waits for a shipping under way, and has the tail remember how far stores hold
// what there is, and how old what they lack may be.
func (s *shipment) end() {
	s.shipper.done.Wait()
	t := s.tail
	t.meter.ended()
	t.reached, t.settled = position{timeline: s.tli, from: s.start}, s.waiting()
	if t.settled.IsZero() {
		t.settled = s.heard
	}
}

// heardSince is the earliest that what the server has not sent may have been written.
func (s *shipment) heardSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.since.IsZero() {
		return s.since
	}
	return s.heard
}

// stall notes that nothing is received from now on. What the server writes meanwhile is
// as old as that.
func (s *shipment) stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
	s.behind = unknownEnd
}

// take appends what the server sent. The stream has no holes: anything else than
// the next byte is a broken connection.
func (s *shipment) take(m message) error {
	s.tail.meter.wrote(m.end)
	s.mu.Lock()
	defer s.mu.Unlock()
	now, received := time.Now(), s.start+wal.LSN(len(s.buffer))
	if len(m.data) > 0 {
		if m.start != received {
			return failure.New(failure.Corrupt, "the server sent WAL from %s, %s was next", m.start, received)
		}
		s.note(received, now)
		s.append(m.data)
		received += wal.LSN(len(m.data))
		s.tail.meter.update(func(st *Status) { st.TailReceived = received })
		s.reach(received, m.end, now)
	}
	if m.end != 0 {
		s.heard = now
	}
	return nil
}

// reach notes how far all was received, of what the server had written by now.
func (s *shipment) reach(received, end wal.LSN, now time.Time) {
	if s.behind == unknownEnd {
		s.behind = end
	}
	if received >= s.behind {
		s.since = time.Time{}
	}
	if s.since.IsZero() && received < end {
		s.since, s.behind = now, end
	}
}

// quiet notes that the server sends nothing. Where it said something since a stall,
// whatever it wrote during that came; a connection that is dead is as quiet.
func (s *shipment) quiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind != unknownEnd || !s.heard.After(s.since) {
		return
	}
	s.behind, s.since = 0, time.Time{}
	s.tail.meter.pending(s.waiting())
}

// note remembers when the bytes from a position on came, or may have been written.
func (s *shipment) note(from wal.LSN, now time.Time) {
	if from < s.behind && !s.since.IsZero() {
		now = s.since
	}
	last := len(s.marks) - 1
	if last < 0 || (last < mostMarks && now.Sub(s.marks[last].at) >= markEvery) {
		s.marks = append(s.marks, mark{from, now})
		s.tail.meter.pending(s.waiting())
	}
}

// waiting is when the first byte that no store holds was received, or may have been
// written where it was not received yet; zero without one.
func (s *shipment) waiting() time.Time {
	if len(s.marks) == 0 {
		return s.since
	}
	return s.marks[0].at
}

// append makes room for a segment at a time: what was let go of at the front is not
// carried along with every few bytes.
func (s *shipment) append(data []byte) {
	if need := len(s.buffer) + len(data); need > cap(s.buffer) {
		s.buffer = append(make([]byte, 0, max(2*need, int(s.tail.settings.SegmentSizeBytes))), s.buffer...)
	}
	s.buffer = append(s.buffer, data...)
}

func (s *shipment) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buffer) >= bufferSegments*int(s.tail.settings.SegmentSizeBytes)
}

func (s *shipment) received() wal.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start + wal.LSN(len(s.buffer))
}

// safe is the first position that no store holds.
func (s *shipment) safe() wal.LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start
}

// advance starts a shipping when the oldest byte has waited for an interval, or
// the buffer is almost full, and lets go of what was archived meanwhile, unless one is
// under way. Bytes of a later segment than those wait on: it may be archived whole.
func (s *shipment) advance(ctx context.Context, now time.Time) {
	d := s.due(now)
	if d == (due{}) {
		return
	}
	s.shipper.try(func() {
		err := s.ship(ctx, func(p piece) bool {
			return d.waited && now.Sub(p.since) >= s.tail.settings.Tail.Interval || d.pressed && p.whole
		})
		if err != nil {
			// The bytes stay and are tried again; the alarm says so until they are safe.
			s.tail.report.raise(EventStoresDown, "", "", "the tail cannot ship: "+err.Error())
		}
	})
}

// due is why to ship.
type due struct {
	waited   bool // the first byte, for an interval
	pressed  bool // the buffer is almost full
	archived bool // the first segment was archived whole
}

func (s *shipment) due(now time.Time) due {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buffer) == 0 {
		return due{}
	}
	size, interval := s.tail.settings.SegmentSizeBytes, s.tail.settings.Tail.Interval
	rested := now.Sub(s.failed)
	return due{
		waited:   now.Sub(s.waiting()) >= interval && rested >= interval,
		pressed:  len(s.buffer) >= pressingSegments*int(size) && rested >= receivePatience,
		archived: s.tail.archiver.recent.has(size.SegmentAt(s.tli, s.start)),
	}
}

// tried notes whether a store took what was shipped to it.
func (s *shipment) tried(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = time.Time{}
	if err != nil {
		s.failed = time.Now()
	}
}

// ship brings what was received so far into the stores, piece by piece, as long as it is
// wanted there, and lets go of what was archived already. It stops at the first piece
// that no store takes.
func (s *shipment) ship(ctx context.Context, wanted func(piece) bool) error {
	for _, piece := range s.cut() {
		archived := s.tail.archiver.recent.has(piece.segment)
		if !archived && !wanted(piece) {
			return nil
		}
		err := s.tail.archiver.pushPiece(ctx, piece.segment, piece.from, piece.bytes)
		if !archived || err != nil {
			s.tried(err)
		}
		if err != nil {
			return err
		}
		s.settle(len(piece.bytes))
	}
	return nil
}

// piece is a stretch of WAL inside one segment.
type piece struct {
	segment wal.Segment
	from    wal.LSN
	bytes   []byte
	since   time.Time // when the first byte came, or a little earlier
	whole   bool      // to the end of its segment
}

// cut divides the buffer at segment borders. The pieces share its memory, which
// is safe: take only appends, and settle lets go of the front.
func (s *shipment) cut() []piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.tail.settings.SegmentSizeBytes
	var pieces []piece
	from, rest := s.start, s.buffer
	for len(rest) > 0 {
		seg := size.SegmentAt(s.tli, from)
		left := int(size.Start(seg.Next()) - from)
		length := min(len(rest), left)
		pieces = append(pieces, piece{segment: seg, from: from, bytes: rest[:length:length], since: s.cameAt(from), whole: length == left})
		from, rest = from+wal.LSN(length), rest[length:]
	}
	return pieces
}

// cameAt is when a byte of the buffer was received, or a little earlier.
func (s *shipment) cameAt(at wal.LSN) time.Time {
	came := s.waiting()
	for _, mark := range s.marks {
		if mark.from > at {
			break
		}
		came = mark.at
	}
	return came
}

func (s *shipment) settle(length int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start += wal.LSN(length)
	s.buffer = s.buffer[length:]
	for len(s.marks) > 1 && s.marks[1].from <= s.start {
		s.marks = s.marks[1:]
	}
	if len(s.buffer) == 0 {
		s.marks = nil
	}
	s.statusDue.Store(true)
	s.tail.meter.pending(s.waiting())
	safe := s.start
	s.tail.meter.update(func(st *Status) { st.TailShipped = safe })
}

// flush ships what is left, waiting for stores as long as ctx lives.
func (s *shipment) flush(ctx context.Context) error {
	s.shipper.done.Wait()
	for {
		err := s.ship(ctx, func(piece) bool { return true })
		if err == nil {
			return nil
		}
		if !pause(ctx, time.Second) {
			return err
		}
	}
}
