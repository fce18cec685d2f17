package heartbeat

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// MaxRows bounds one reading: a week of seconds fits.
const MaxRows = 700_000

// Beat is one heartbeat row.
type Beat struct {
	Seq         int64        `json:"seq"`
	At          time.Time    `json:"at"` // the primary's clock, UTC
	LSN         wal.LSN      `json:"lsn"`
	SystemID    wal.SystemID `json:"system_id"`
	Timeline    wal.Timeline `json:"timeline"`
	Incarnation string       `json:"incarnation"`
}

// Read returns the newest n rows, newest first. No row is no error: it returns
// none. Errors: NotFound when the table is not there, Corrupt when it cannot be
// read for damage.
func Read(ctx context.Context, conn *pgx.Conn, n int) ([]Beat, error) {
	if n < 1 || n > MaxRows {
		return nil, failure.Invalid("n", "%d is not between 1 and %d", n, MaxRows)
	}
	rows, err := conn.Query(ctx, `SELECT seq, at, lsn::text, system_id, timeline, incarnation
		FROM holdfast.heartbeat ORDER BY seq DESC LIMIT $1`, n)
	if err != nil {
		return nil, pg.Classify(err, "read heartbeats")
	}
	beats, err := pgx.CollectRows(rows, scan)
	return beats, pg.Classify(err, "read heartbeats")
}

func scan(row pgx.CollectableRow) (Beat, error) {
	var beat Beat
	var position, system string
	var timeline int32
	if err := row.Scan(&beat.Seq, &beat.At, &position, &system, &timeline, &beat.Incarnation); err != nil {
		return Beat{}, err
	}
	beat.At, beat.Timeline = beat.At.UTC(), wal.Timeline(timeline)
	var err error
	if beat.LSN, err = wal.ParseLSN(position); err != nil {
		return Beat{}, err
	}
	number, err := strconv.ParseUint(system, 10, 64)
	if err != nil {
		return Beat{}, failure.New(failure.Corrupt, "heartbeat %d: %.40q is no system identifier", beat.Seq, system)
	}
	beat.SystemID = wal.SystemID(number)
	return beat, nil
}

// Gap is a hole in the sequence: rows After+1 to Before-1 are missing.
type Gap struct {
	After  int64         `json:"after"`
	Before int64         `json:"before"`
	For    time.Duration `json:"for"`
}

// Continuity is what the surviving rows say together.
type Continuity struct {
	Rows   int   `json:"rows"`
	Newest *Beat `json:"newest,omitempty"`
	Oldest *Beat `json:"oldest,omitempty"`
	Gaps   []Gap `json:"gaps,omitempty"` // at most 50, newest first
	More   int   `json:"more_gaps,omitempty"`
}

const maxGaps = 50

// Continue judges rows as Read returns them. It decides purely.
func Continue(newestFirst []Beat) Continuity {
	result := Continuity{Rows: len(newestFirst)}
	if len(newestFirst) == 0 {
		return result
	}
	result.Newest, result.Oldest = &newestFirst[0], &newestFirst[len(newestFirst)-1]
	for i := 1; i < len(newestFirst); i++ {
		newer, older := newestFirst[i-1], newestFirst[i]
		if newer.Seq == older.Seq+1 {
			continue
		}
		if len(result.Gaps) == maxGaps {
			result.More++
			continue
		}
		result.Gaps = append(result.Gaps, Gap{After: older.Seq, Before: newer.Seq, For: newer.At.Sub(older.At)})
	}
	return result
}
