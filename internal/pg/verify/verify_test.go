package verify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
)

func TestChecks(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE TABLE t AS SELECT generate_series(1, 10) AS a", "CREATE ROLE app LOGIN PASSWORD 'pw'", "GRANT SELECT ON t TO app")
	tests := []struct {
		sql     string
		compare verify.Compare
		want    string
		status  verify.Status
	}{
		{"SELECT count(*) FROM t", verify.Equal, "10", verify.Passed},
		{"SELECT count(*)::numeric(9,2) FROM t", verify.Equal, "10", verify.Passed},
		{"SELECT count(*) FROM t", verify.Equal, "11", verify.Failed},
		{"SELECT count(*) FROM t", verify.AtLeast, "9", verify.Passed},
		{"SELECT count(*) FROM t", verify.AtMost, "9", verify.Failed},
		{"SELECT 'x'", verify.AtMost, "9", verify.Unknown},
		{"SELECT 'x'", verify.Equal, "x", verify.Passed},
		{"SELECT NOT EXISTS (SELECT FROM t WHERE a > 10)", verify.True, "", verify.Passed},
		{"SELECT EXISTS (SELECT FROM t WHERE a > 10)", verify.True, "", verify.Failed},
		{"SELECT NULL::bool", verify.True, "", verify.Unknown},
		{"SELECT 1", verify.True, "", verify.Unknown},
		{"SELECT a FROM t", verify.Equal, "1", verify.Unknown},
		{"SELECT a FROM t WHERE a > 10", verify.Equal, "1", verify.Unknown},
		{"SELECT 1, 2", verify.Equal, "1", verify.Unknown},
		{"SELECT * FROM nowhere", verify.Equal, "1", verify.Unknown},
		{"SELECT pg_sleep(30)", verify.Equal, "1", verify.Unknown},
		{"DELETE FROM t RETURNING 1", verify.Equal, "1", verify.Unknown},
		{"SELECT 1", "like", "1", verify.Unknown},
	}
	var checks []verify.Check
	for _, tt := range tests {
		checks = append(checks, verify.Check{Name: tt.sql, SQL: tt.sql, Compare: tt.compare, Want: tt.want, Limit: 200 * time.Millisecond})
	}
	for i, result := range verify.Run(t.Context(), server.TCP("app", "pw"), checks) {
		if result.Status != tests[i].status || result.Status == verify.Unknown && result.Detail == "" {
			t.Errorf("%s: %+v, want %s", tests[i].sql, result, tests[i].status)
		}
	}
	if err := verify.Login(t.Context(), server.TCP("app", "pw")); err != nil {
		t.Error(err)
	}
	if err := verify.Login(t.Context(), server.TCP("app", "wrong")); !failure.Is(err, failure.Forbidden) {
		t.Errorf("Login with a wrong password = %v, want Forbidden", err)
	}
	latency, err := verify.Measure(t.Context(), server.Super(), []string{"SELECT count(*) FROM t"}, 20)
	if err != nil || latency.Samples != 20 || latency.P95 < latency.P50 || latency.P50 <= 0 {
		t.Errorf("Measure = %+v, %v", latency, err)
	}
}

func TestReadsWhatACheckReads(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE SCHEMA far", "CREATE TABLE far.a (id int PRIMARY KEY)", "CREATE TABLE b (id int)", "CREATE VIEW v AS SELECT id FROM far.a")
	for sql, want := range map[string][]string{
		"SELECT NOT EXISTS (SELECT FROM v LEFT JOIN b USING (id) WHERE b.id IS NULL)": {"far.a", "public.b"},
		"SELECT (SELECT count(*) FROM b) = (SELECT count(*) FROM b)":                  {"public.b"},
		"SELECT true": nil,
	} {
		tables, missing, err := verify.Reads(t.Context(), server.Super(), verify.Check{Name: "a check", SQL: sql})
		if err != nil || missing || !slices.Equal(tables, want) {
			t.Errorf("%s reads %v, %t, %v; want %v", sql, tables, missing, err, want)
		}
	}
	if tables, missing, err := verify.Reads(t.Context(), server.Super(), verify.Check{Name: "a check", SQL: "SELECT count(*) > 0 FROM nowhere"}); err != nil || !missing || tables != nil {
		t.Errorf("a table that is not there: %v, %t, %v", tables, missing, err)
	}
	if _, missing, err := verify.Reads(t.Context(), server.Super(), verify.Check{Name: "a check", SQL: "no SQL"}); err == nil || missing {
		t.Errorf("no SQL: %t, %v", missing, err)
	}
}
