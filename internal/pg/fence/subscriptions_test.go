package fence_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// subscribe lets the server's database shop, and another, take the table orders of a
// publisher. It returns once both have copied it and follow.
func subscribe(t *testing.T, server *pgtest.Server) (publisher *pgtest.Server) {
	t.Helper()
	publisher = pgtest.Start(t, pgtest.With("wal_level", "logical"))
	publisher.Exec(t, "CREATE TABLE orders (id int PRIMARY KEY)", "CREATE PUBLICATION everything FOR TABLE orders")
	server.Exec(t, "CREATE DATABASE \"odd \"\"name\"", "ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'", "SELECT pg_reload_conf()")
	for database, name := range map[string]string{"shop": "far", `odd "name`: `od"d`} {
		server.ExecIn(t, database, "CREATE TABLE orders (id int PRIMARY KEY)",
			fmt.Sprintf(`CREATE SUBSCRIPTION "%s" CONNECTION 'host=%s port=%d user=postgres dbname=postgres' PUBLICATION everything WITH (slot_name = slot_%s)`,
				strings.ReplaceAll(name, `"`, `""`), publisher.SocketDir, publisher.Port, database[:3]))
	}
	publisher.Exec(t, "INSERT INTO orders VALUES (1)")
	await(t, server, 1)
	for _, database := range []string{"shop", `odd "name`} {
		pgtest.Eventually(t, "the first copy to be done in "+database, func() bool {
			return pgtest.QueryAt[string](t, server.Super().In(database), "SELECT string_agg(srsubstate, '') FROM pg_subscription_rel") == "r"
		})
	}
	return publisher
}

// await returns once both databases have n orders.
func await(t *testing.T, server *pgtest.Server, n int) {
	t.Helper()
	for _, database := range []string{"shop", `odd "name`} {
		pgtest.Eventually(t, fmt.Sprintf("%d orders in %s", n, database), func() bool { return orders(t, server, database) == n })
	}
}

func orders(t *testing.T, server *pgtest.Server, database string) int {
	t.Helper()
	return pgtest.QueryAt[int](t, server.Super().In(database), "SELECT count(*) FROM orders")
}

const subscriptionsAsTheyAre = "SELECT string_agg(subname || ' ' || subenabled, '; ' ORDER BY subname) FROM pg_subscription"

// TestFenceStopsSubscriptions, whose workers no role limit binds: they are disabled
// and gone, twice alike, and go on after the fence with nothing missing.
func TestFenceStopsSubscriptions(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	publisher := subscribe(t, server)
	server.ExecIn(t, "shop", "CREATE SUBSCRIPTION idle CONNECTION '' PUBLICATION p WITH (connect = false)")
	before := pgtest.Query[string](t, server, subscriptionsAsTheyAre)
	for range 2 {
		fenced, err := fence.Writes(t.Context(), server.Super(), opts)
		if err != nil || len(fenced.Record.Subscriptions) != 2 {
			t.Fatalf("Writes = %+v, %v, want two subscriptions on record", fenced, err)
		}
		if during := pgtest.Query[string](t, server, subscriptionsAsTheyAre); during != `far false; idle false; od"d false` {
			t.Errorf("under the fence: %s", during)
		}
	}
	publisher.Exec(t, "INSERT INTO orders VALUES (2)")
	pgtest.Eventually(t, "the publisher to be let go of", func() bool {
		return pgtest.Query[int](t, publisher, "SELECT count(*) FROM pg_replication_slots WHERE active") == 0
	})
	if n := orders(t, server, "shop"); n != 1 {
		t.Errorf("%d orders, want the 1 from before the fence", n)
	}
	for range 2 {
		if err := fence.Lift(t.Context(), server.Super(), opts.RecordPath, opts.SystemID); err != nil {
			t.Fatal(err)
		}
	}
	if after := pgtest.Query[string](t, server, subscriptionsAsTheyAre); after != before {
		t.Errorf("after the fence: %s\nbefore: %s", after, before)
	}
	await(t, server, 2)
}

// TestSubscriptionThatIsGoneIsNotRestored, nor does it keep the fence up.
func TestSubscriptionThatIsGoneIsNotRestored(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	subscribe(t, server)
	if _, err := fence.Writes(t.Context(), server.Super(), opts); err != nil {
		t.Fatal(err)
	}
	server.ExecIn(t, "shop", "DROP SUBSCRIPTION far")
	server.ExecIn(t, `odd "name`, `DROP SUBSCRIPTION "od""d"`)
	server.Exec(t, `DROP DATABASE "odd ""name"`)
	if err := fence.Lift(t.Context(), server.Super(), opts.RecordPath, opts.SystemID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(opts.RecordPath); !os.IsNotExist(err) {
		t.Errorf("the record is still there: %v", err)
	}
}

// TestStoppedSubscriberAppliesNothingWhenItStarts under the fence, and goes on
// after it.
func TestStoppedSubscriberAppliesNothingWhenItStarts(t *testing.T) {
	t.Parallel()
	server, opts := start(t)
	publisher := subscribe(t, server)
	c, want := server.Cluster(t), cluster.Expected{SystemID: opts.SystemID}
	server.Stop(t)
	if _, err := fence.Stopped(t.Context(), c, want, opts); err != nil {
		t.Fatal(err)
	}
	publisher.Exec(t, "INSERT INTO orders VALUES (2)")
	server.Start(t)
	if n := pgtest.Query[int](t, server, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%'"); n != 0 {
		t.Errorf("%d processes of logical replication under the fence", n)
	}
	server.Stop(t)
	if err := fence.LiftOffline(t.Context(), c, want, opts.RecordPath); err != nil {
		t.Fatal(err)
	}
	server.Start(t)
	await(t, server, 2)
}
