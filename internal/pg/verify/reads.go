package verify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// undefinedTable is the SQLSTATE of a statement that names a table that is not
// there (src/backend/utils/errcodes.txt).
const undefinedTable = "42P01"

// Reads returns the tables that a check reads, as schema.name, sorted, as
// PostgreSQL plans it: behind views too, but not what functions read. missing says
// that it names a table that is not there; tables is then empty. The check is
// planned, not run.
// Errors: those of pg.Classify.
func Reads(ctx context.Context, server pg.Server, check Check) (tables []string, missing bool, err error) {
	var text []byte
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = "+strconv.FormatInt(check.limit().Milliseconds(), 10)); err != nil {
				return pg.Classify(err, "limit check %s", check.Name)
			}
			return pg.Classify(tx.QueryRow(ctx, "EXPLAIN (VERBOSE, FORMAT JSON) "+check.SQL).Scan(&text), "plan check %s", check.Name)
		})
	})
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == undefinedTable:
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	tables, err = relations(text)
	return tables, false, pg.Classify(err, "read the plan of check %s", check.Name)
}

// node is a plan node of EXPLAIN (FORMAT JSON), as far as it matters here.
type node struct {
	Schema   string `json:"Schema"`
	Relation string `json:"Relation Name"`
	Plans    []node `json:"Plans"`
}

// relations lists the tables of what EXPLAIN (FORMAT JSON) prints.
func relations(text []byte) (tables []string, err error) {
	var plans []struct {
		Plan node `json:"Plan"`
	}
	err = json.Unmarshal(text, &plans)
	var walk func(node)
	walk = func(n node) {
		if n.Relation != "" {
			tables = append(tables, n.Schema+"."+n.Relation)
		}
		for _, below := range n.Plans {
			walk(below)
		}
	}
	for _, plan := range plans {
		walk(plan.Plan)
	}
	slices.Sort(tables)
	return slices.Compact(tables), err
}
