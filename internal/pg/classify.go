package pg

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Classify wraps an error of pgx with the class its SQLSTATE says.
// Source: PostgreSQL documentation, Appendix A, "PostgreSQL Error Codes".
func Classify(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	var classed *failure.Error
	if errors.As(err, &classed) {
		return failure.Wrap(classed.Class, err, format, args...)
	}
	return failure.Wrap(classOf(err), err, format, args...)
}

func classOf(err error) failure.Class {
	var server *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &server):
		return classOfState(server.Code)
	case errors.Is(err, pgx.ErrNoRows):
		return failure.NotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &connect), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return failure.Unavailable
	default:
		return failure.Unknown
	}
}

func classOfState(code string) failure.Class {
	switch code {
	case "42501", "0LP01":
		return failure.Forbidden
	case "42P01", "3D000", "42704", "42883", "3F000":
		return failure.NotFound
	case "XX001", "XX002":
		return failure.Corrupt
	case "25006": // read_only_sql_transaction
		return failure.Refused
	}
	if len(code) < 2 {
		return failure.Unknown
	}
	switch code[:2] {
	case "28":
		return failure.Forbidden
	case "08", "53", "57", "55":
		return failure.Unavailable
	case "42", "22":
		return failure.InvalidInput
	case "XX":
		return failure.Unknown
	}
	return failure.Unknown
}

// StateOf returns err's SQLSTATE, or "".
func StateOf(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

// Exec runs one statement and classes its error as "<what>: …".
func Exec(ctx context.Context, conn *pgx.Conn, what, sql string, args ...any) error {
	_, err := conn.Exec(ctx, sql, args...)
	return Classify(err, "%s", what)
}

// One reads a single value.
func One[T any](ctx context.Context, conn *pgx.Conn, what, sql string, args ...any) (T, error) {
	var value T
	err := conn.QueryRow(ctx, sql, args...).Scan(&value)
	return value, Classify(err, "%s", what)
}

// Rows reads every row into a T by column name (struct tag `db`), and refuses
// more than limit rows: a server's answer is not trusted to be small.
func Rows[T any](ctx context.Context, conn *pgx.Conn, limit int, what, sql string, args ...any) ([]T, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT * FROM (%s) AS q LIMIT %d", sql, limit+1), args...)
	if err != nil {
		return nil, Classify(err, "%s", what)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	if err != nil {
		return nil, Classify(err, "%s", what)
	}
	if len(found) > limit {
		return nil, failure.New(failure.Unknown, "%s: more than %d rows", what, limit)
	}
	return found, nil
}
