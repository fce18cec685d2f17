package heartbeat

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// throughputDDL creates the table that remembers how busy the database was: what a
// recovery is compared with must have been counted before the damage.
const throughputDDL = `CREATE TABLE IF NOT EXISTS holdfast.throughput (
	at timestamptz PRIMARY KEY,
	started timestamptz NOT NULL,
	committed bigint NOT NULL,
	stats_reset timestamptz
)`

// A day is kept: a baseline is of the minutes before a moment, and a restored copy
// has those of its own. What is older goes few at a time, so that no transaction looks
// like a mass deletion to whoever searches the log for a damage.
const sampleSQL = `WITH old AS (DELETE FROM holdfast.throughput WHERE at IN
		(SELECT at FROM holdfast.throughput WHERE at < now() - interval '1 day' ORDER BY at LIMIT 100))
	INSERT INTO holdfast.throughput (at, started, committed, stats_reset)
	SELECT clock_timestamp(), pg_postmaster_start_time(), xact_commit, stats_reset
	FROM pg_stat_database WHERE datname = current_database() ON CONFLICT DO NOTHING`

// Sample is one count of the transactions committed in a database.
type Sample struct {
	At        time.Time  `db:"at"`        // the server's clock
	Started   time.Time  `db:"started"`   // of the server that counted
	Committed int64      `db:"committed"` // since Reset, or since the server first counted
	Reset     *time.Time `db:"stats_reset"`
}

// TakeSample counts now, and forgets what is older than a day. It gives up after two
// seconds: until version 15 the statistics come from a process that may not answer.
// Errors: NotFound where the database was enrolled before there was such a table,
// Unavailable.
func TakeSample(ctx context.Context, conn *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '2s'")
		if err == nil {
			_, err = tx.Exec(ctx, sampleSQL)
		}
		return err
	})
	return pg.Classify(err, "count what was committed")
}

// maxSamples bounds one reading: a day of seconds fits.
const maxSamples = 100_000

// Samples returns the newest until an instant, oldest first, and those of the time
// over before it. None is no error. Errors: NotFound, see TakeSample.
func Samples(ctx context.Context, conn *pgx.Conn, until time.Time, over time.Duration) ([]Sample, error) {
	return pg.Rows[Sample](ctx, conn, maxSamples, "read what was committed",
		`SELECT at, started, committed, stats_reset FROM holdfast.throughput
			WHERE at <= $1 AND at >= (SELECT max(at) FROM holdfast.throughput WHERE at <= $1) - make_interval(secs => $2) ORDER BY at`, until, over.Seconds())
}
