package onset_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func position(t *testing.T, s *pgtest.Server) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(pgtest.Query[string](t, s, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}

func TestTheDamagingTransactionIsFoundAmongNormalOnes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		damage string
		why    onset.Why
	}{
		"mass delete":   {"DELETE FROM orders WHERE id > 100", onset.MassDelete},
		"mass update":   {"UPDATE orders SET note = ''", onset.MassUpdate},
		"dropped table": {"DROP TABLE orders", onset.Drop},
		"truncate":      {"TRUNCATE orders", onset.Truncate},
		"rewrite":       {"VACUUM FULL orders", onset.FilesRemoved},
		"column":        {"ALTER TABLE orders DROP COLUMN note", onset.SchemaChange},
		"in subtransaction": {
			`DO $$ DECLARE n int; BEGIN n := 1;
				BEGIN DELETE FROM orders; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$`,
			onset.MassDelete,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Start(t)
			server.Exec(t, "CREATE TABLE orders AS SELECT g AS id, 'note '||g AS note FROM generate_series(1, 4000) g", "CHECKPOINT")
			from := position(t, server)
			normal(t, server, 0)
			file := pgtest.Query[string](t, server, "SELECT pg_relation_filepath('orders')")
			server.Exec(t, tt.damage)
			xid := pgtest.Query[int64](t, server, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
			normal(t, server, 50)
			history, err := onset.Read(t.Context(), server.Cluster(t).Programs, []onset.Range{
				{Dir: filepath.Join(server.DataDir, "pg_wal"), Timeline: 1, From: from, Until: position(t, server)},
			}, nil)
			if err != nil || !history.Complete() {
				t.Fatalf("Read: %+v, %v", history.Ends, err)
			}
			candidates := onset.Judge(history, onset.Thresholds{})
			if len(candidates) != 1 {
				t.Fatalf("candidates = %+v", candidates)
			}
			got := candidates[0]
			if got.Why != tt.why || int64(got.XID) >= xid || got.CommitAt.IsZero() || got.FirstLSN < from || got.CommitLSN <= got.FirstLSN {
				t.Errorf("candidate = %+v (next transaction %d)", got, xid)
			}
			if len(got.Removed) > 0 && filepath.Base(file) != itoa(got.Removed[len(got.Removed)-1].Node) && filepath.Base(file) != itoa(got.Removed[0].Node) {
				t.Errorf("removed %+v, want %s among them", got.Removed, file)
			}
		})
	}
}

func normal(t *testing.T, s *pgtest.Server, from int) {
	t.Helper()
	statements := []string{"CREATE TABLE IF NOT EXISTS small (id int PRIMARY KEY, n int)"}
	for i := range 20 {
		statements = append(statements, "INSERT INTO small VALUES ("+strconv.Itoa(from+i)+", 0)", "UPDATE small SET n = n + 1 WHERE id = "+strconv.Itoa(from+i))
	}
	s.Exec(t, statements...)
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func TestCountOfWorkAfterAPosition(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE TABLE a (id int, pad text)", "CREATE TABLE gone (id int)", "INSERT INTO a SELECT g, '' FROM generate_series(1, 500) g")
	begin := position(t, server)
	server.Exec(t, "INSERT INTO a VALUES (1000, '')")
	target := position(t, server)
	server.Exec(t, "INSERT INTO a SELECT g, '' FROM generate_series(2000, 2009) g", "UPDATE a SET pad = 'x' WHERE id <= 7", "DELETE FROM a WHERE id <= 3",
		"BEGIN; DELETE FROM a; ROLLBACK", "INSERT INTO gone SELECT generate_series(1, 5)", "DROP TABLE gone")
	names, err := damage.ReadNames(t.Context(), server.Super())
	if err != nil {
		t.Fatal(err)
	}
	ranges := []onset.Range{{Dir: filepath.Join(server.DataDir, "pg_wal"), Timeline: 1, From: begin, Until: position(t, server)}}
	loss, err := onset.Count(t.Context(), server.Cluster(t).Programs, ranges, target, 0, names)
	if err != nil || !loss.Complete || len(loss.Tables) != 1 {
		t.Fatalf("Count = %+v, %v", loss, err)
	}
	if got, want := loss.Tables[0], (onset.Lost{Database: "postgres", Table: "public.a", Counts: onset.Counts{Inserted: 10, Updated: 7, Deleted: 3}}); got != want {
		t.Errorf("lost %+v, want %+v", got, want)
	}
	if loss.Unattributed.Inserted != 5 || loss.Removed != 1 || loss.Transactions != 5 {
		t.Errorf("loss = %+v", loss)
	}
	missing := []onset.Range{{Dir: filepath.Join(server.DataDir, "pg_wal"), Timeline: 1, From: begin, Until: begin + 1<<40}}
	if loss, err := onset.Count(t.Context(), server.Cluster(t).Programs, missing, target, 0, names); err != nil || loss.Complete || loss.Detail == "" {
		t.Errorf("a range that WAL does not reach is complete: %+v, %v", loss, err)
	}
	if _, err := onset.Count(t.Context(), server.Cluster(t).Programs, ranges, 0, 0); !failure.Is(err, failure.InvalidInput) {
		t.Errorf("Count from 0 = %v, want InvalidInput", err)
	}
}
