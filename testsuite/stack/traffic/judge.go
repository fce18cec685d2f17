package traffic

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Loss compares a recovered database with what was acknowledged.
type Loss struct {
	Acknowledged int       // rows the writer was told are kept
	Missing      int       // of those, not there now
	NewestKept   time.Time // when the newest surviving row was acknowledged; zero: none
	NewestLost   time.Time // when the newest missing row was acknowledged; zero: none
}

// Span is the work lost: from the newest surviving acknowledged row to the
// newest lost one. Zero when nothing is missing.
func (l Loss) Span() time.Duration {
	if l.Missing == 0 || l.NewestKept.IsZero() {
		return 0
	}
	return l.NewestLost.Sub(l.NewestKept)
}

// Judge reads the journal through conn, which may lead to any copy of the database.
func (w *Writer) Judge(ctx context.Context, conn *pgx.Conn) (Loss, error) {
	rows, err := conn.Query(ctx, "SELECT sequence FROM journal WHERE writer = $1::text", w.name)
	if err != nil {
		return Loss{}, failure.Wrap(failure.Unavailable, err, "read the journal of %s", w.name)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return Loss{}, failure.Wrap(failure.Unavailable, err, "read the journal of %s", w.name)
	}
	kept := make(map[int64]bool, len(there))
	for _, sequence := range there {
		kept[sequence] = true
	}
	var loss Loss
	for _, ack := range w.Acks() {
		loss.Acknowledged++
		if kept[ack.Sequence] {
			loss.NewestKept = later(loss.NewestKept, ack.At)
			continue
		}
		loss.Missing++
		loss.NewestLost = later(loss.NewestLost, ack.At)
	}
	return loss, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
