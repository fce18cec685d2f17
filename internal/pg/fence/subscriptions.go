package fence

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// maxSubscriptions bounds how many subscriptions one cluster may have.
const maxSubscriptions = 1000

// Subscription is one of logical replication that was enabled: the server's own
// workers write what another server publishes, and no role limit binds them.
type Subscription struct {
	Name     string `json:"name" db:"name"`
	Database string `json:"database" db:"database"`
}

// String is the name with the database.
func (s Subscription) String() string { return s.Name + " in database " + s.Database }

// enabledSQL lists those of every database that a server serves: a recovery takes
// the whole cluster back, so what arrives in any of them meanwhile would be lost
// to its publisher as well, whose slot does not give it twice.
const enabledSQL = `SELECT s.subname::text AS name, d.datname::text AS database FROM pg_subscription s
	JOIN pg_database d ON d.oid = s.subdbid WHERE s.subenabled AND d.datallowconn ORDER BY d.datname, s.subname`

func enabled(ctx context.Context, conn *pgx.Conn) ([]Subscription, error) {
	return pg.Rows[Subscription](ctx, conn, maxSubscriptions, "read subscriptions", enabledSQL)
}

// disable stops subscriptions in the catalog. Their slots at the publishers stay,
// with all that was not confirmed.
func disable(ctx context.Context, server pg.Server, subscriptions []Subscription) error {
	return alterEach(ctx, server, subscriptions, "DISABLE")
}

// alterEach changes subscriptions, each from within its own database. One that is
// gone, or whose database is, has nothing to fence or to restore.
func alterEach(ctx context.Context, server pg.Server, subscriptions []Subscription, change string) error {
	var failed []error
	for _, one := range subscriptions {
		err := server.In(one.Database).Do(ctx, func(conn *pgx.Conn) error {
			return alter(ctx, conn, "ALTER SUBSCRIPTION "+quote(one.Name)+" "+change)
		})
		if pg.StateOf(err) != "3D000" { // invalid_catalog_name
			failed = append(failed, err)
		}
	}
	return firstOf(failed)
}

// endWorkers ends logical replication's workers until none is left: one that was
// being started may not have seen that its subscription is disabled, and one at
// work in a long transaction does not look.
func endWorkers(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	return pg.Poll(ctx, "logical replication's workers to end", 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		left, err := pg.One[int](ctx, conn, "end logical replication's workers", "SELECT count(pg_terminate_backend(pid)) FROM ("+workersSQL+") AS w")
		return left == 0, err
	})
}

// workersSQL has a row for each process that applies what a publisher sends, or
// copies its tables. Their names differ between major versions; the launcher
// writes nothing.
const workersSQL = `SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL
	UNION SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%' AND backend_type <> 'logical replication launcher'`

// proveQuiet checks that no subscription can write: none is enabled, nothing works
// for one.
func proveQuiet(ctx context.Context, conn *pgx.Conn) error {
	left, err := enabled(ctx, conn)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return failure.New(failure.CheckFailed, "subscription %s is enabled: something lifted the fence meanwhile", left[0]).
			WithHint("find who enables it, then retry this step")
	}
	working, err := pg.One[int](ctx, conn, "look for logical replication's workers", "SELECT count(*) FROM ("+workersSQL+") AS w")
	if err == nil && working > 0 {
		return failure.New(failure.CheckFailed, "%d processes of logical replication are at work though no subscription is enabled", working).
			WithHint("psql -c 'SELECT * FROM pg_stat_subscription', then retry this step")
	}
	return err
}

// inheritSubscription takes over one that is disabled now, or gone.
func (r *Record) inheritSubscription(was Subscription) {
	if !slices.Contains(r.Subscriptions, was) {
		r.Subscriptions = append(r.Subscriptions, was)
	}
}
