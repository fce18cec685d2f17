package pg

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// TimelineSQL is an expression for the timeline that a primary writes to, as a
// bigint. pg_control learns of a new timeline only at the next checkpoint; the
// name of the current segment begins with it at once. Which segment a position
// between two belongs to changed with 17, the timeline in its name did not.
const TimelineSQL = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"

// LiveTimeline returns the timeline that a primary writes to. A standby is an error.
func LiveTimeline(ctx context.Context, conn *pgx.Conn) (wal.Timeline, error) {
	timeline, err := One[uint32](ctx, conn, "ask for the timeline", "SELECT "+TimelineSQL)
	return wal.Timeline(timeline), err
}
