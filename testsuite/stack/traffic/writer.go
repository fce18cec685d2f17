package traffic

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const attemptLimit = 3 * time.Second

// Ack is one row the database said it keeps.
type Ack struct {
	Sequence int64
	At       time.Time // when the answer came, by this process's clock
	Latency  time.Duration
}

// Writer appends rows to journal, one transaction each, until it is stopped.
type Writer struct {
	name   string
	url    string
	every  time.Duration
	cancel context.CancelFunc
	done   chan struct{}
	next   int64 // sequence of the row tried last; each is tried once

	mu     sync.Mutex
	acks   []Ack
	errors int
	last   error
}

// Start writes as name through the connection string url, a row every interval.
// When the database refuses, it goes on trying, as an application does. Stop it.
func Start(name, url string, every time.Duration) *Writer {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Writer{name: name, url: url, every: every, cancel: cancel, done: make(chan struct{})}
	go w.run(ctx)
	return w
}

// Stop ends the writing and waits for the row under way.
func (w *Writer) Stop() {
	w.cancel()
	<-w.done
}

// Name of the writer, as in the column writer.
func (w *Writer) Name() string { return w.name }

// Acks returns what has been acknowledged so far, in order.
func (w *Writer) Acks() []Ack {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acks)
}

// Last returns the newest acknowledged row; ok is false before the first.
func (w *Writer) Last() (ack Ack, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.acks) == 0 {
		return Ack{}, false
	}
	return w.acks[len(w.acks)-1], true
}

// Errors returns how many attempts failed and the newest failure.
func (w *Writer) Errors() (count int, last error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errors, w.last
}

// AwaitMore waits until count rows more than now have been acknowledged.
func (w *Writer) AwaitMore(ctx context.Context, count int) error {
	want := len(w.Acks()) + count
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(w.Acks()) < want {
		select {
		case <-ctx.Done():
			_, last := w.Errors()
			return failure.New(failure.Unavailable, "writer %s has %d rows acknowledged, waiting for %d; newest failure: %v", w.name, len(w.Acks()), want, last)
		case <-tick.C:
		}
	}
	return nil
}

func (w *Writer) run(ctx context.Context) {
	defer close(w.done)
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // nothing is under way
		}
	}()
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		conn = w.attempt(ctx, conn)
	}
}

// attempt writes one row and returns the connection to go on with, nil after a
// failure. A row whose answer was lost is not counted as acknowledged, though it
// may be there; its number is not used again, so a number stands for one row
// before and after any recovery.
func (w *Writer) attempt(ctx context.Context, conn *pgx.Conn) *pgx.Conn {
	// Not cancelled by Stop: a row under way is brought to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptLimit)
	defer cancel()
	var err error
	if conn == nil {
		if conn, err = pgx.Connect(ctx, w.url); err != nil {
			w.failed(err)
			return nil
		}
	}
	start := time.Now()
	w.next++
	_, err = conn.Exec(ctx, "INSERT INTO journal (writer, sequence, payload) VALUES ($1::text, $2::bigint, $3::text)",
		w.name, w.next, strings.Repeat("observation ", 20))
	if err != nil {
		w.failed(err)
		_ = conn.Close(ctx) // the failure is the news
		return nil
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, Ack{Sequence: w.next, At: now.UTC(), Latency: now.Sub(start)})
	return conn
}

func (w *Writer) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors, w.last = w.errors+1, err
}
