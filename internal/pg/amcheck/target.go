package amcheck

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// target is one relation to check.
type target struct {
	Database string
	OID      uint32 `db:"oid"`
	Name     string `db:"name"`
	Kind     string `db:"kind"`
}

func (t target) String() string { return t.Database + " " + t.Kind + " " + t.Name }

const targetsSQL = `SELECT c.oid::bigint AS oid, n.nspname || '.' || c.relname AS name, ''::text AS database,
	CASE c.relkind WHEN 'i' THEN 'index' WHEN 't' THEN 'toast' WHEN 'm' THEN 'matview' ELSE 'table' END AS kind
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
	LEFT JOIN pg_index i ON i.indexrelid = c.oid
	WHERE c.relpersistence <> 't' AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
	AND (c.relkind IN ('r', 't', 'm') AND a.amname = 'heap' OR c.relkind = 'i' AND a.amname = 'btree' AND i.indisready AND i.indisvalid)`

const maxTargets = 2_000_000

// firstHeapMajor is the major that brought verify_heapam.
const firstHeapMajor = 14

func (r *runner) targets(ctx context.Context, conn *pgx.Conn, database string) ([]target, error) {
	all, err := pg.Rows[target](ctx, conn, maxTargets, "list relations", targetsSQL)
	if err != nil {
		return nil, err
	}
	num, err := pg.One[int](ctx, conn, "ask for the version", "SELECT current_setting('server_version_num')::int")
	if err != nil {
		return nil, err
	}
	var kept []target
	for _, t := range all {
		t.Database = database
		if t.Kind == "index" || pg.MajorOfNum(num) >= firstHeapMajor {
			kept = append(kept, t)
		}
	}
	if len(kept) < len(all) {
		r.result.Skipped = append(r.result.Skipped, fmt.Sprintf("%d tables of %s: PostgreSQL before 14 has no verify_heapam", len(all)-len(kept), database))
	}
	return kept, nil
}

// check returns what is wrong; the error says that nothing can be said.
func (t target) check(ctx context.Context, conn *pgx.Conn, allIndexed bool) ([]Finding, error) {
	if t.Kind == "index" {
		err := pg.Exec(ctx, conn, "check", "SELECT bt_index_check($1::oid::regclass, $2)", t.OID, allIndexed)
		return t.verdict(err)
	}
	rows, err := conn.Query(ctx, "SELECT blkno, msg FROM verify_heapam($1::oid::regclass) LIMIT $2", t.OID, MaxFindings)
	if err != nil {
		return t.verdict(pg.Classify(err, "check"))
	}
	findings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Finding, error) {
		finding := t.finding("")
		err := row.Scan(&finding.Block, &finding.Message)
		return finding, err
	})
	more, unknown := t.verdict(pg.Classify(err, "check"))
	return append(findings, more...), unknown
}

// verdict tells damage the server reported from a check that did not run. A
// relation dropped meanwhile is neither.
func (t target) verdict(err error) ([]Finding, error) {
	switch {
	case err == nil:
		return nil, nil
	case failure.Is(err, failure.Corrupt), pg.StateOf(err) == "XX000", pg.StateOf(err) == "58P01":
		return []Finding{t.finding(err.Error())}, nil
	case pg.StateOf(err) == "42P01":
		return nil, nil
	}
	return nil, err
}

func (t target) finding(message string) Finding {
	return Finding{Database: t.Database, Relation: t.Name, Kind: t.Kind, Message: message}
}
