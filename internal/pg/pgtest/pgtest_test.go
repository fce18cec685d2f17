package pgtest_test

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func TestStartStopRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE TABLE t AS SELECT generate_series(1, 10) AS a", "CREATE ROLE app LOGIN PASSWORD 'secret'", "GRANT SELECT ON t TO app")
	server.Kill(t)
	server.Start(t)
	if got := pgtest.Query[int](t, server, "SELECT count(*) FROM t"); got != 10 {
		t.Errorf("count = %d after a crash, want 10", got)
	}
	if got := pgtest.QueryAt[int](t, server.TCP("app", "secret"), "SELECT count(*) FROM t"); got != 10 {
		t.Errorf("count = %d over TCP, want 10", got)
	}
	if got := pgtest.Query[string](t, server, "SHOW data_checksums"); got != "on" {
		t.Errorf("data_checksums = %s, want on", got)
	}
}

func TestFreshHasItsOwnSystemIdentifier(t *testing.T) {
	t.Parallel()
	const sql = "SELECT system_identifier FROM pg_control_system()"
	one := pgtest.Query[int64](t, pgtest.Start(t), sql)
	other := pgtest.Query[int64](t, pgtest.Start(t, pgtest.Fresh(), pgtest.SegmentMiB(1)), sql)
	if one == other {
		t.Errorf("both are system %d", one)
	}
}
