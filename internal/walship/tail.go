package walship

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const (
	statusEvery      = 5 * time.Second // well inside wal_sender_timeout's 60 s
	tailLongPause    = 15 * time.Second
	tailFirstPause   = 200 * time.Millisecond
	bufferSegments   = 4 // the stream is not read further while this much waits for a store
	pressingSegments = 3 // whole segments are shipped at once while this much waits
	handshakeLimit   = 20 * time.Second
	receivePatience  = 200 * time.Millisecond // the longest wait for a message before looking around
	restPoll         = 50 * time.Millisecond
	longestRest      = 10 * time.Second
)

// tail ships flushed WAL as it is written. It holds nothing on disk: the slot
// remembers what no store has yet.
type tail struct {
	settings settings.Settings
	conn     string // resolved connection string: holds the password
	archiver *Archiver
	report   *reporter
	meter    *meter

	reached position  // where the last session ended: stores hold all before; zero: there was none
	settled time.Time // nothing that stores lack was written before; zero: not known
	gap     gap       // what is behind reached and in no store

	gapLook once          // asks stores about the gap
	gapHeld atomic.Uint64 // how far they hold it; 0: there is no answer that was not taken
}

// errSegmentsSuffice ends a session while segments fill up, and are archived whole,
// faster than the tail would ship them. Every commit would wake the server's sender
// and this process for bytes that nobody needs.
var errSegmentsSuffice = errors.New("segments are archived faster than the tail ships")

// run streams until ctx ends, reconnecting with growing pauses.
func (t *tail) run(ctx context.Context) {
	defer t.gapLook.done.Wait()
	wait := tailFirstPause
	for {
		began := time.Now()
		err := t.session(ctx)
		if errors.Is(err, errSegmentsSuffice) {
			t.rest(ctx)
			continue
		}
		t.meter.update(func(s *Status) { s.TailRunning = false })
		if ctx.Err() != nil {
			return
		}
		t.meter.pending(t.settled) // what is written now is not seen
		if err != nil {
			t.report.raise(EventTailDown, "", "", "the tail is not streaming: "+err.Error())
		}
		if err == nil || time.Since(began) > time.Minute {
			wait = tailFirstPause
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, tailLongPause)
	}
}

// rest waits while segments go on being archived, and nothing behind them has waited
// for an interval. Now and then a new session has the slot follow, and asks the server
// how far it has written, and whether that still suffices.
func (t *tail) rest(ctx context.Context) {
	interval, size := t.settings.Tail.Interval, t.settings.SegmentSizeBytes
	t.meter.pending(t.settled)
	lacking := size.SegmentAt(t.reached.timeline, t.reached.from)
	for until := time.Now().Add(max(longestRest, interval)); time.Now().Before(until); {
		since := t.archiver.recent.writtenBehind(lacking, t.reached.timeline)
		if since.IsZero() {
			return
		}
		since = later(since, t.settled)
		t.meter.pending(since)
		if time.Since(since) >= interval || !pause(ctx, restPoll) {
			return
		}
	}
}

// session is one connection: from where the slot stands, timeline after
// timeline, until the connection breaks.
func (t *tail) session(ctx context.Context) error {
	link, where, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer link.close(ctx)
	for {
		next, err := t.stream(ctx, link, where)
		if err != nil {
			t.removed(err, link, where)
			return err
		}
		if next.timeline == 0 {
			return failure.New(failure.Unknown, "the server ended timeline %d without naming the next", where.timeline)
		}
		if next.path, err = t.pathTo(ctx, link, next.timeline); err != nil {
			return err
		}
		where = next
	}
}

// stream ships one timeline until the server ends it, and returns where the next
// begins.
func (t *tail) stream(ctx context.Context, link *replication, where position) (position, error) {
	done, err := link.start(ctx, t.settings.Tail.Slot, where.from, where.timeline)
	if err != nil {
		return position{}, err
	}
	s := newShipment(t, where)
	defer s.end()
	t.report.clear(EventTailDown, EventTailUp, "", "the tail is streaming")
	t.meter.update(func(st *Status) { st.TailRunning, st.TailTimeline = true, where.timeline })
	for !done {
		if done, err = t.turn(ctx, link, s); err != nil {
			if hasCode(err, codeRemoved) { // what came before that is all there is
				err = errors.Join(err, s.flush(ctx))
			}
			return position{}, err
		}
		t.lookAtGap(ctx, where.path)
		if !done && t.segmentsSuffice(s) {
			return position{}, errors.Join(errSegmentsSuffice, link.acknowledge(s.received(), s.safe()))
		}
	}
	return t.handOver(ctx, link, s)
}

// segmentsSuffice says whether to rest: see recentSegments.aheadOfTail.
func (t *tail) segmentsSuffice(s *shipment) bool {
	size := t.settings.SegmentSizeBytes
	return t.archiver.recent.aheadOfTail(size.SegmentAt(s.tli, s.safe()), s.tli, time.Now(), t.settings.Tail.Interval)
}

// turn is one round: receive what there is, ship what is due, tell the server.
func (t *tail) turn(ctx context.Context, link *replication, s *shipment) (finished bool, err error) {
	if !s.full() {
		got, err := link.receive(ctx, time.Now().Add(min(receivePatience, t.settings.Tail.Interval)))
		switch {
		case errors.Is(err, errQuiet):
			s.quiet()
		case err != nil:
			return false, err
		}
		if err := s.take(got); err != nil {
			return false, err
		}
		if got.finished {
			return true, nil
		}
		if got.reply {
			s.statusDue.Store(true)
		}
	} else if s.stall(); !pause(ctx, receivePatience) {
		return false, failure.Wrap(failure.Unavailable, ctx.Err(), "stream WAL")
	}
	s.advance(ctx, time.Now())
	if s.statusDue.Swap(false) || time.Since(s.lastStatus) > statusEvery {
		s.lastStatus = time.Now()
		return false, link.acknowledge(s.received(), s.safe())
	}
	return false, nil
}

// handOver ships the rest of a timeline that ended, and says where the next one
// begins: at the start of the segment, whose copy on the new timeline holds the
// old one's bytes up to the switch.
func (t *tail) handOver(ctx context.Context, link *replication, s *shipment) (position, error) {
	if err := s.flush(ctx); err != nil {
		return position{}, err
	}
	next, err := link.finish(ctx)
	if err != nil {
		return position{}, err
	}
	size := t.settings.SegmentSizeBytes
	return position{timeline: next, from: size.Start(size.SegmentAt(next, s.received())), since: s.heardSince()}, nil
}

// once runs f in the background at most one at a time.
type once struct {
	mu   sync.Mutex
	busy bool
	done sync.WaitGroup
}

func (o *once) try(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy {
		return
	}
	o.busy = true
	o.done.Go(func() {
		f()
		o.mu.Lock()
		o.busy = false
		o.mu.Unlock()
	})
}
