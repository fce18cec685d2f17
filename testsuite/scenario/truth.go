package scenario

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

// counts are the rows that the damage could take, and a sum over their content.
type counts struct {
	experiments, results, models int64
	content                      string
}

// count reads what the data set holds, outside of what the application writes.
func count(ctx context.Context, conn *pgx.Conn) (counts, error) {
	var c counts
	err := conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM experiments), (SELECT count(*) FROM results), (SELECT count(*) FROM models),
		(SELECT md5(string_agg(parameters::text, '' ORDER BY id)) FROM experiments)
		|| (SELECT md5(string_agg(id::text || log || md5(samples), '' ORDER BY id)) FROM results WHERE id % 7 = 0)`).
		Scan(&c.experiments, &c.results, &c.models, &c.content)
	return c, failure.Wrap(failure.Unavailable, err, "count the data set")
}

// Truth is what is known from outside about a database after a recovery.
type Truth struct {
	Whole bool         // every row the damage took is back, with its content
	Loss  traffic.Loss // acknowledged rows of the application that are not there
	// BeforeDamage are those of them that were acknowledged before the damage: none may be.
	BeforeDamage int
}

// Judge compares the database at the service port with what is known from
// outside. The application must have stopped.
func (s *Scenario) Judge(ctx context.Context, damage Damage) (Truth, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return Truth{}, err
	}
	defer func() { _ = conn.Close(ctx) }() // everything has been answered
	now, err := count(ctx, conn)
	if err != nil {
		return Truth{}, err
	}
	truth := Truth{Whole: now == s.before}
	if truth.Loss, err = s.Application.Judge(ctx, conn); err != nil {
		return truth, err
	}
	truth.BeforeDamage, err = s.missingBefore(ctx, conn, damage)
	return truth, err
}

// missingBefore counts rows that were acknowledged before the damage was
// committed and are not there.
func (s *Scenario) missingBefore(ctx context.Context, conn *pgx.Conn, damage Damage) (int, error) {
	rows, err := conn.Query(ctx, "SELECT sequence FROM journal WHERE writer = $1::text", s.Application.Name())
	if err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "read the journal")
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "read the journal")
	}
	kept := map[int64]bool{}
	for _, sequence := range there {
		kept[sequence] = true
	}
	missing := 0
	for _, ack := range s.Application.Acks() {
		if ack.At.Before(damage.Began) && !kept[ack.Sequence] {
			missing++
		}
	}
	return missing, nil
}
