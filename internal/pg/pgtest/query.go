package pgtest

import (
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// Query reads one value as superuser of database postgres.
func Query[T any](t testing.TB, s *Server, sql string, args ...any) T {
	t.Helper()
	return QueryAt[T](t, s.Super(), sql, args...)
}

// QueryAt reads one value from any server.
func QueryAt[T any](t testing.TB, server pg.Server, sql string, args ...any) T {
	t.Helper()
	var value T
	err := server.Do(t.Context(), func(conn *pgx.Conn) error {
		var err error
		value, err = pg.One[T](t.Context(), conn, sql, sql, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func portArg(port int) string { return strconv.Itoa(port) }
