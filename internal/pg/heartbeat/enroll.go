package heartbeat

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Table is the heartbeat table.
const Table = "holdfast.heartbeat"

// TableDDL creates the table where it is missing.
const TableDDL = `CREATE TABLE IF NOT EXISTS holdfast.heartbeat (
	seq bigint PRIMARY KEY,
	at timestamptz NOT NULL,
	lsn pg_lsn NOT NULL,
	system_id text NOT NULL,
	timeline int NOT NULL,
	incarnation text NOT NULL
)`

// EnrollOptions say who may do what.
type EnrollOptions struct {
	Writer  string   `json:"writer"`            // role that writes heartbeats; must exist
	Readers []string `json:"readers,omitempty"` // roles that may read them
}

// Enroll prepares a database: schema, table, grants, and the amcheck extension.
// It runs in one transaction; a second call changes nothing. Errors: NotFound
// for a missing role or extension, Forbidden without superuser rights.
func Enroll(ctx context.Context, conn *pgx.Conn, opts EnrollOptions) error {
	if opts.Writer == "" {
		return failure.Invalid("writer", "must name the role that writes heartbeats")
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range statements(opts) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return pg.Classify(err, "run %q", statement)
			}
		}
		return nil
	})
	return pg.Classify(err, "enroll the database")
}

func statements(opts EnrollOptions) []string {
	writer := pgx.Identifier{opts.Writer}.Sanitize()
	all := []string{
		"SELECT pg_advisory_xact_lock(1752132708)", // CREATE … IF NOT EXISTS races with itself
		"CREATE SCHEMA IF NOT EXISTS holdfast",
		TableDDL,
		throughputDDL,
		"CREATE EXTENSION IF NOT EXISTS amcheck",
		"GRANT USAGE ON SCHEMA holdfast TO " + writer,
		"GRANT SELECT, INSERT, DELETE ON holdfast.heartbeat, holdfast.throughput TO " + writer,
	}
	for _, reader := range opts.Readers {
		name := pgx.Identifier{reader}.Sanitize()
		all = append(all, "GRANT USAGE ON SCHEMA holdfast TO "+name, "GRANT SELECT ON holdfast.heartbeat TO "+name)
	}
	return all
}
