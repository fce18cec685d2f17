package fence_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// TestEveryWayToWriteIsSeen: each role has exactly one way, and one has none.
func TestEveryWayToWriteIsSeen(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE DATABASE shop")
	ways := map[string]struct{ grant, want string }{
		"nothing":   {"GRANT SELECT ON orders TO nothing", ""},
		"table":     {"GRANT DELETE ON orders TO \"table\"", "orders"},
		"a_column":  {"GRANT UPDATE (note) ON orders TO a_column", "orders"},
		"a_view":    {"GRANT INSERT ON recent TO a_view", "recent"},
		"owner":     {"CREATE TABLE own (); ALTER TABLE own OWNER TO owner; REVOKE ALL ON own FROM owner", "own"},
		"member":    {"GRANT clerk TO member", "as clerk"},
		"taker":     {"ALTER ROLE taker NOINHERIT; GRANT clerk TO taker", "as clerk"},
		"sequence":  {"GRANT USAGE ON SEQUENCE numbers TO sequence", "numbers"},
		"definer":   {"GRANT EXECUTE ON FUNCTION wipe() TO definer", "wipe"},
		"blob":      {"GRANT UPDATE ON LARGE OBJECT 4711 TO blob", "4711"},
		"all_data":  {"GRANT " + writeAll(t) + " TO all_data", ""},
		"boss":      {"ALTER ROLE boss SUPERUSER", "superuser boss"},
		"grantor":   {"ALTER ROLE grantor CREATEROLE", "member of other roles"},
		"landlord":  {"CREATE SCHEMA flat AUTHORIZATION landlord; REVOKE ALL ON SCHEMA flat FROM landlord", "drop what is in schema flat"},
		"creator":   {"GRANT CREATE ON SCHEMA public TO creator", "create in schema public"},
		"architect": {"GRANT CREATE ON DATABASE shop TO architect", "create schemas"},
	}
	server.ExecIn(t, "shop", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE TABLE orders (id int, note text)", "CREATE VIEW recent AS SELECT * FROM orders",
		"CREATE SEQUENCE numbers", "CREATE ROLE clerk", "GRANT INSERT ON orders TO clerk", "SELECT lo_create(4711)",
		"CREATE FUNCTION wipe() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM orders'", "REVOKE ALL ON FUNCTION wipe() FROM PUBLIC",
		"CREATE SCHEMA holdfast", "CREATE TABLE holdfast.heartbeat ()", "GRANT ALL ON holdfast.heartbeat TO PUBLIC")
	for role, way := range ways {
		server.ExecIn(t, "shop", `CREATE ROLE "`+role+`" LOGIN`)
		for statement := range strings.SplitSeq(way.grant, "; ") {
			server.ExecIn(t, "shop", statement)
		}
	}
	conn := server.ConnectTo(t, server.Super().In("shop"))
	for role, way := range ways {
		why, err := fence.MayWrite(t.Context(), conn, role)
		if err != nil || (why == "") != (role == "nothing") || !strings.Contains(why, way.want) {
			t.Errorf("%s: %q %v, want a reason with %q", role, why, err, way.want)
		}
	}
}

// writeAll is a predefined role that may write: of every table since PostgreSQL 14.
func writeAll(t *testing.T) string {
	t.Helper()
	if pgtest.Major(t) < 14 {
		return "pg_write_server_files"
	}
	return "pg_write_all_data"
}

// TestFenceThatLeavesAWriterFails, and says who; the plan may let one go on.
func TestFenceThatLeavesAWriterFails(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	server.ExecIn(t, "shop", "CREATE TABLE orders (id int)", "GRANT INSERT ON orders TO other", "CREATE ROLE operator SUPERUSER LOGIN PASSWORD 'pw'")
	refused := func(names ...string) {
		t.Helper()
		_, err := fence.Writes(t.Context(), server.Super(), opts)
		if !failure.Is(err, failure.CheckFailed) {
			t.Fatalf("Writes = %v, want CheckFailed", err)
		}
		for _, name := range names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s is not named: %v", name, err)
			}
		}
	}
	refused("other (0 sessions): it may write to public.orders")
	operator := server.ConnectTo(t, server.TCP("operator", "pw").In("shop"))
	refused("other (0 sessions)", "operator (1 sessions): it is or may become superuser")
	if err := operator.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	opts.Allowed = []string{"other"}
	pgtest.Eventually(t, "the operator's session is gone", func() bool {
		return pgtest.Query[int](t, server, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'operator'") == 0
	})
	if _, err := fence.Writes(t.Context(), server.Super(), opts); err != nil {
		t.Error(err)
	}
	server.ExecIn(t, "shop", "REVOKE ALL ON orders FROM other")
	opts.Allowed = nil
	if _, err := fence.Writes(t.Context(), server.Super(), opts); err != nil {
		t.Error(err)
	}
	for _, login := range opts.Logins {
		if err := login.Do(t.Context(), func(*pgx.Conn) error { return nil }); err == nil {
			t.Errorf("%s is not fenced", login)
		}
	}
}
