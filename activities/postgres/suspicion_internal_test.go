package postgres

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestTheOnsetThatIsNamedIsProposed: of several transactions that may have done the
// damage the one is proposed that touched what else is known to be damaged. The
// others are shown, and that earlier ones stay done is said.
func TestTheOnsetThatIsNamedIsProposed(t *testing.T) {
	t.Parallel()
	const unrelated = "DROP TABLE scratch"
	whole := plan.Invariant{Name: "orders-are-whole", SQL: "SELECT count(*) = 4000 FROM all_orders"}
	for name, tt := range map[string]struct {
		did        []string // one transaction each
		invariants []plan.Invariant
		interest   []string
		proposed   string // in the detail of what is proposed
		said       []string
	}{
		"a broken invariant reads it": {
			[]string{unrelated, "DELETE FROM orders WHERE id > 10"},
			[]plan.Invariant{whole},
			[]string{"public.other"},
			"touched postgres.public.orders",
			[]string{"invariant orders-are-whole, which reads public.orders, is broken", "1 of them are earlier"},
		},
		"a broken invariant counts for more than a table of interest": {
			[]string{"UPDATE other SET id = id + 1", "DELETE FROM orders WHERE id > 10"},
			[]plan.Invariant{whole},
			[]string{"public.other"},
			"touched postgres.public.orders",
			[]string{"orders-are-whole"},
		},
		"a table of interest was emptied": {
			[]string{unrelated, "TRUNCATE orders"},
			nil,
			[]string{"public.orders"},
			"touched postgres.public.orders",
			[]string{"public.orders is a table of interest", "1 of them are earlier"},
		},
		"a table of interest was dropped": {
			[]string{"DELETE FROM other", "DROP TABLE orders CASCADE"},
			nil,
			[]string{"public.orders", "public.other"},
			"drop by transaction",
			[]string{"public.orders, a table of interest of the plan, is not there"},
		},
		"an invariant reads what was dropped": {
			[]string{"DELETE FROM other", "DROP TABLE orders CASCADE"},
			[]plan.Invariant{whole},
			nil,
			"drop by transaction",
			[]string{"invariant orders-are-whole reads a table that is not there"},
		},
		"nothing names one: the earliest": {
			[]string{unrelated, "DELETE FROM orders WHERE id > 10"},
			nil, nil,
			"drop by transaction",
			[]string{"1 other transactions may have done damage", "0 of them are earlier", "--target-lsn"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			server.Exec(t, "CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 4000) g", "CREATE VIEW all_orders AS SELECT * FROM orders",
				"CREATE TABLE other AS SELECT g AS id FROM generate_series(1, 4000) g", "CREATE TABLE scratch AS SELECT 1 AS id", "CHECKPOINT")
			from, err := wal.ParseLSN(pgtest.Query[string](t, server, "SELECT pg_current_wal_lsn()::text"))
			if err != nil {
				t.Fatal(err)
			}
			server.Exec(t, append(slices.Repeat([]string{"INSERT INTO scratch VALUES (1)"}, 4), tt.did...)...) // most are small
			read := onset.Range{Dir: filepath.Join(server.DataDir, "pg_wal"), Timeline: 1, From: from}
			history, err := onset.Read(t.Context(), server.Cluster(t).Programs, []onset.Range{read}, nil)
			if err != nil {
				t.Fatal(err)
			}
			proposal, err := recovery.Propose(onsets(t.Context(), candidates([]search{searchOf(read, history)}), found{
				identity: cluster.Identity{Timeline: 1}, server: server.Super(), disrupted: time.Now(),
				database: plan.Database{DBName: "postgres", Invariants: tt.invariants, TablesOfInterest: tt.interest}, invariants: invariants(t.Context(), server.Super(), tt.invariants),
			}), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(proposal.Onset.Detail, tt.proposed) || proposal.Onset.Relation == "" || len(proposal.Alternatives) != len(tt.did)-1 {
				t.Errorf("proposed %+v, want %q", proposal, tt.proposed)
			}
			for _, said := range tt.said {
				if !strings.Contains(proposal.Why, said) {
					t.Errorf("%q does not say %q", proposal.Why, said)
				}
			}
		})
	}
}
