package scenario_test

import (
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/amcheck"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const canary = "INSERT INTO orders VALUES (100001, 'written after the backup')"

func (h *house) populate(t *testing.T) {
	t.Helper()
	space := pgtest.Dir(t)
	h.Exec(t, "CREATE EXTENSION amcheck", "CREATE TABLESPACE far LOCATION '"+space+"'",
		"CREATE TABLE orders (id int PRIMARY KEY, note text)", "INSERT INTO orders SELECT g, repeat('n', 300) FROM generate_series(1, 5000) g",
		"CREATE TABLE far_away TABLESPACE far AS SELECT g FROM generate_series(1, 1000) g",
		"CREATE UNLOGGED TABLE scratch AS SELECT generate_series(1, 1000)")
}

// TestL19LogicalDamage: the damaging transaction is found in WAL, and the cluster
// comes back to just before it, with what was written after the backup (L19).
func TestL19LogicalDamage(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"mass delete": "DELETE FROM orders WHERE id > 10", "dropped table": "DROP TABLE orders"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.populate(t)
			set := h.backup(t).Descriptor
			h.Exec(t, canary, statement, "CREATE TABLE later AS SELECT 1 AS a")
			h.ship(t)
			culprit := h.culprit(t, set.Attributes.Postgres.StartLSN)
			c, _ := h.restoreBeside(t, set.Set)
			requireVerified(t, c)
			target := replay.Target{Kind: replay.ByLSN, LSN: culprit.FirstLSN, Timeline: 1}
			h.recover(t, c, target)
			requireWhole(t, c)
			h.requireLoss(t, c, culprit.FirstLSN-1)
		})
	}
}

func (h *house) culprit(t *testing.T, from wal.LSN) onset.Candidate {
	t.Helper()
	history, err := onset.Read(t.Context(), h.cluster.Programs, []onset.Range{{Dir: h.wal, Timeline: 1, From: from, Until: h.shipped(t)}}, nil)
	if err != nil || !history.Complete() {
		t.Fatalf("Read = %+v, %v", history.Ends, err)
	}
	candidates := onset.Judge(history, onset.Thresholds{})
	if len(candidates) == 0 {
		t.Fatalf("no candidate in %+v", history)
	}
	return candidates[0]
}

func (h *house) requireLoss(t *testing.T, restored *cluster.Cluster, target wal.LSN) {
	t.Helper()
	damaged, err := damage.ReadNames(t.Context(), h.Super())
	if err != nil {
		t.Fatal(err)
	}
	before, err := damage.ReadNames(t.Context(), restored.Server("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	ranges := []onset.Range{{Dir: h.wal, Timeline: 1, From: target &^ (16<<20 - 1), Until: h.shipped(t)}}
	loss, err := onset.Count(t.Context(), h.cluster.Programs, ranges, target, 0, damaged, before)
	if err != nil || !loss.Complete || loss.Transactions < 2 || loss.Unattributed != (onset.Counts{}) {
		t.Errorf("loss = %+v, %v", loss, err)
	}
}

// TestL19PhysicalDamage: flipped bytes in a heap file are found, a backup of them
// is marked, and the set from before brings the rows back.
func TestL19PhysicalDamage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.populate(t)
	good := h.backup(t)
	h.Exec(t, canary, "CHECKPOINT")
	heap := pgtest.Query[string](t, h.Server, "SELECT pg_relation_filepath('orders')")
	h.Stop(t)
	pgtest.Flip(t, h.Server, heap, 5*page.Size+4000)
	h.Start(t)
	super := h.Super()
	extent, err := damage.Extent(t.Context(), h.cluster, &super, damage.Options{})
	if err != nil || extent.PagesBad != 1 || extent.Tables[0].Name != "orders" {
		t.Fatalf("extent = %+v, %v", extent, err)
	}
	bad := h.backup(t)
	if good.Damaged || !bad.Damaged || len(bad.Descriptor.Damage) != 1 || bad.Descriptor.Damage[0].Path != heap {
		t.Errorf("damage of the backups: %+v, %+v", good.Descriptor.Damage, bad.Descriptor.Damage)
	}
	end, err := wal.ParseLSN(pgtest.Query[string](t, h.Server, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	c, w := h.restoreBeside(t, good.Descriptor.Set)
	requireVerified(t, c)
	h.recover(t, c, replay.Target{Kind: replay.Latest, LSN: end, Timeline: 1})
	requireWhole(t, c)
	if err := restore.Remove(w, func() error { return c.RequireStopped(t.Context()) }); !failure.Is(err, failure.Unsafe) {
		t.Errorf("Remove under a running server = %v, want Unsafe", err)
	}
}

func (h *house) recover(t *testing.T, c *cluster.Cluster, target replay.Target) {
	t.Helper()
	if err := replay.Configure(t.Context(), c, replay.Config{Target: target, RestoreCommand: pgtest.RestoreFrom(h.wal)}); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Run(t.Context(), c, target, replay.Options{}); err != nil {
		t.Fatal(err)
	}
}

func requireVerified(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	verdict, err := verify.RestoredBackup(t.Context(), c, false)
	if err != nil || verdict.Must() != nil {
		t.Fatalf("pg_verifybackup: %+v, %v", verdict, err)
	}
}

// requireWhole checks the data, the canary, and every relation.
func requireWhole(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	server := c.Server("postgres")
	for _, result := range verify.Run(t.Context(), server, []verify.Check{
		{Name: "rows", SQL: "SELECT count(*) FROM orders", Compare: verify.Equal, Want: "5001"},
		{Name: "canary", SQL: "SELECT EXISTS (SELECT FROM orders WHERE id = 100001)", Compare: verify.True},
		{Name: "tablespace", SQL: "SELECT count(*) FROM far_away", Compare: verify.Equal, Want: "1000"},
		{
			Name: "place", SQL: "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'far'", Compare: verify.Equal,
			Want: pgtest.QueryAt[string](t, server, "SELECT '"+filepath.Dir(c.DataDir)+"/tablespaces/' || oid FROM pg_tablespace WHERE spcname = 'far'"),
		},
	}) {
		if result.Status != verify.Passed {
			t.Errorf("%+v", result)
		}
	}
	checked, err := amcheck.Run(t.Context(), server, amcheck.Options{Databases: []string{"postgres"}, HeapAllIndexed: true})
	if err != nil || checked.Failed() || checked.Sound() != (pgtest.Major(t) >= 14) {
		t.Errorf("amcheck = %+v, %v", checked, err)
	}
}
