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
// received, cut at segment borders, shipped every interval, safe when a store
// holds them.
type shipment struct {
	tail *tail
	tli  wal.Timeline

	mu      sync.Mutex
	start   wal.LSN   // of buffer: first byte that no store holds
	buffer  []byte    // received and not safe
	oldest  time.Time // when buffer's first byte was received; zero when empty
	lastTry time.Time
	shipper once

	statusDue  atomic.Bool // the server should hear of progress
	lastStatus time.Time   // of the streaming goroutine alone
}

func newShipment(t *tail, where position) *shipment {
	return &shipment{tail: t, tli: where.timeline, start: where.from, lastTry: time.Now()}
}

// take appends what the server sent. The stream has no holes: anything else than
// the next byte is a broken connection.
func (s *shipment) take(m message) error {
	if len(m.data) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.start + wal.LSN(len(s.buffer))
	if m.start != end {
		return failure.New(failure.Corrupt, "the server sent WAL from %s, %s was next", m.start, end)
	}
	if len(s.buffer) == 0 {
		s.oldest = time.Now()
		s.tail.meter.pending(s.oldest)
	}
	s.buffer = append(s.buffer, m.data...)
	received := end + wal.LSN(len(m.data))
	s.tail.meter.update(func(st *Status) { st.TailReceived = received })
	return nil
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

// advance starts a shipping when the interval is over or a segment's worth
// waits, unless one is under way.
func (s *shipment) advance(ctx context.Context, now time.Time) {
	s.mu.Lock()
	waiting := len(s.buffer)
	due := waiting > 0 && (now.Sub(s.lastTry) >= s.tail.settings.Tail.Interval || waiting >= int(s.tail.settings.SegmentSizeBytes))
	s.mu.Unlock()
	if !due {
		return
	}
	s.shipper.try(func() {
		s.mu.Lock()
		s.lastTry = now
		s.mu.Unlock()
		if err := s.ship(ctx); err != nil {
			// The bytes stay and are tried again; the alarm says so until they are safe.
			s.tail.report.raise(EventStoresDown, "", "", "the tail cannot ship: "+err.Error())
		}
	})
}

// ship brings everything received so far into the stores, piece by piece. It
// stops at the first piece that no store takes.
func (s *shipment) ship(ctx context.Context) error {
	for _, piece := range s.cut() {
		if err := s.tail.archiver.pushPiece(ctx, piece.segment, piece.from, piece.bytes); err != nil {
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
		length := min(len(rest), int(size.Start(seg.Next())-from))
		pieces = append(pieces, piece{segment: seg, from: from, bytes: rest[:length:length]})
		from, rest = from+wal.LSN(length), rest[length:]
	}
	return pieces
}

func (s *shipment) settle(length int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start += wal.LSN(length)
	s.buffer = append(make([]byte, 0, len(s.buffer)-length), s.buffer[length:]...)
	s.oldest = time.Time{}
	if len(s.buffer) > 0 {
		// The rest arrived since the shipping began: lastTry bounds its age from above.
		s.oldest = s.lastTry
	}
	s.statusDue.Store(true)
	s.tail.meter.pending(s.oldest)
	safe := s.start
	s.tail.meter.update(func(st *Status) { st.TailShipped = safe })
}

// flush ships what is left, waiting for stores as long as ctx lives.
func (s *shipment) flush(ctx context.Context) error {
	s.shipper.done.Wait()
	for {
		err := s.ship(ctx)
		if err == nil {
			return nil
		}
		if !pause(ctx, time.Second) {
			return err
		}
	}
}

func (s *shipment) stop() { s.shipper.done.Wait() }
