package replay_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
)

// subscribe starts a server that publishes table t, and lets the source subscribe to
// it. It returns once a row has come through.
func (s source) subscribe(t *testing.T) *pgtest.Server {
	t.Helper()
	publisher := pgtest.Start(t, pgtest.With("wal_level", "logical"))
	publisher.Exec(t, "CREATE TABLE t (id int PRIMARY KEY)", "CREATE PUBLICATION everything FOR TABLE t")
	s.Exec(t, fmt.Sprintf("CREATE SUBSCRIPTION far CONNECTION 'host=%s port=%d user=postgres dbname=postgres' PUBLICATION everything WITH (copy_data = false)",
		publisher.SocketDir, publisher.Port))
	publisher.Exec(t, "INSERT INTO t VALUES (5001)")
	pgtest.Eventually(t, "a row through the subscription", func() bool {
		return pgtest.Query[int](t, s.Server, "SELECT count(*) FROM t WHERE id = 5001") == 1
	})
	return publisher
}

const slotSQL = "SELECT active::text || ' ' || confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'far'"

// TestRestoredCopyAdvancesNoPublisher: a subscriber's copy has its subscriptions,
// enabled. Neither promoted in isolation nor serving with its own settings may it
// take from a publisher's slot what the origin did not get, or what nobody has
// decided about.
func TestRestoredCopyAdvancesNoPublisher(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.Exec(t, "CREATE ROLE app LOGIN")
	publisher := s.subscribe(t)
	s.ship(t)
	end := position(t, s.Server)
	s.Stop(t) // the slot is free for whoever comes first
	pgtest.Eventually(t, "the origin to let go of its slot", func() bool {
		return pgtest.Query[int](t, publisher, "SELECT count(*) FROM pg_replication_slots WHERE NOT active") == 1
	})
	before := pgtest.Query[string](t, publisher, slotSQL)
	publisher.Exec(t, "INSERT INTO t VALUES (5002)")

	c := s.copyBackup(t)
	latest := replay.Target{Kind: replay.Latest, LSN: end, Timeline: 1}
	reached, err := s.replay(t, c, latest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Promote(t.Context(), c, s.id, latest, "postgres", reached); err != nil {
		t.Fatal(err)
	}
	super := c.Server("postgres")
	if state := pgtest.QueryAt[string](t, super, "SELECT subenabled || ' ' || (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%') "+
		"FROM pg_subscription"); state != "true 0" {
		t.Errorf("enabled in the catalog, and processes for it: %s, want true 0", state)
	}

	record := filepath.Join(pgtest.Dir(t), "fence.json")
	fenced, err := fence.Writes(t.Context(), super, fence.Options{
		Roles: []string{"app"}, Databases: []string{"postgres"}, SystemID: s.id.SystemID, Owner: pgtest.Owner(t), RecordPath: record, Copy: true,
	})
	if err != nil || len(fenced.Record.Subscriptions) != 1 {
		t.Fatalf("fence = %+v, %v, want one subscription", fenced, err)
	}
	serve(t, c, s.id)
	if err := fence.Lift(t.Context(), super, record, s.id.SystemID); err != nil {
		t.Fatal(err)
	}
	launcher := "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher'"
	pgtest.Eventually(t, "the launcher, which starts what is enabled", func() bool { return pgtest.QueryAt[int](t, super, launcher) == 1 })
	if state := pgtest.QueryAt[string](t, super, "SELECT subenabled || ' ' || (SELECT count(*) FROM t WHERE id = 5002) FROM pg_subscription"); state != "false 0" {
		t.Errorf("enabled, and rows that came: %s, want false 0", state)
	}
	if after := pgtest.Query[string](t, publisher, slotSQL); after != before {
		t.Errorf("the publisher's slot was %s, and is %s", before, after)
	}
}

// serve starts a promoted copy with its own settings, as the cut-over does.
func serve(t *testing.T, c *cluster.Cluster, id cluster.Expected) {
	t.Helper()
	err := c.Stop(t.Context(), id, cluster.StopOptions{})
	if err == nil {
		err = replay.Release(t.Context(), c, id)
	}
	if err == nil {
		err = c.Start(t.Context(), cluster.StartOptions{})
	}
	if err == nil {
		_, err = c.WaitReady(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}
