package fence

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func raise(ctx context.Context, conn *pgx.Conn, record Record) error {
	for _, role := range record.Roles {
		statement := "ALTER ROLE " + quote(role.Name) + " CONNECTION LIMIT 0"
		if role.Superuser {
			statement += " NOLOGIN"
		}
		if err := alter(ctx, conn, statement); err != nil {
			return err
		}
	}
	for _, s := range record.Settings {
		statement := "ALTER ROLE " + quote(s.Role) + " IN DATABASE " + quote(s.Database) + " SET default_transaction_read_only = on"
		if err := alter(ctx, conn, statement); err != nil {
			return err
		}
	}
	return nil
}

// alter changes a role. One that is not there, or whose database is not, has
// nothing to fence or to restore: a record may be older than the cluster's state.
func alter(ctx context.Context, conn *pgx.Conn, statement string) error {
	err := pg.Exec(ctx, conn, statement, statement)
	switch pg.StateOf(err) {
	case "42704", "3D000": // undefined_object, invalid_catalog_name
		return nil
	}
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// terminate ends the roles' sessions until none is left: one may have passed
// the connection limit just before it was set.
func terminate(ctx context.Context, conn *pgx.Conn, roles []string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	total := 0
	err := pg.Poll(ctx, "the application's sessions to end", 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		ended, err := pg.One[int](ctx, conn, "end sessions", `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE usename = ANY($1) AND pid <> pg_backend_pid()`, roles)
		total = max(total, ended)
		return ended == 0, err
	})
	return total, err
}

// prove checks what was done rather than believing it.
func (f *Fenced) prove(ctx context.Context, conn *pgx.Conn, opts Options) error {
	open, err := pg.One[int](ctx, conn, "check the fence", `SELECT count(*) FROM pg_roles WHERE rolname = ANY($1)
		AND (rolconnlimit <> 0 OR rolsuper AND rolcanlogin)`, opts.Roles)
	if err != nil {
		return err
	}
	if open != 0 {
		return failure.New(failure.CheckFailed, "%d application roles may still log in: something lifted the fence meanwhile", open)
	}
	if err := proveQuiet(ctx, conn); err != nil {
		return err
	}
	for _, login := range opts.Logins {
		if err := requireRefused(ctx, login); err != nil {
			return err
		}
	}
	var position string
	err = conn.QueryRow(ctx, `SELECT clock_timestamp(), pg_current_wal_insert_lsn()::text, coalesce((SELECT array_agg(DISTINCT usename::text)
		FROM pg_stat_activity WHERE datname = ANY($1) AND pid <> pg_backend_pid() AND usename IS NOT NULL), '{}')`, opts.Databases).
		Scan(&f.At, &position, &f.Others)
	if err != nil {
		return pg.Classify(err, "read the fence's position")
	}
	f.At = f.At.UTC()
	f.LSN, err = wal.ParseLSN(position)
	return err
}

// Refusals of a fenced login: too_many_connections, invalid_authorization
// (NOLOGIN, or rejected by pg_hba.conf).
func requireRefused(ctx context.Context, login pg.Server) error {
	err := login.Do(ctx, func(*pgx.Conn) error { return nil })
	switch pg.StateOf(err) {
	case "53300", "28000":
		return nil
	}
	if err == nil {
		return failure.New(failure.CheckFailed, "the fence does not hold: %s can log in", login)
	}
	return failure.Wrap(failure.CheckFailed, err, "the fence is not proved: %s was not refused for it", login)
}
