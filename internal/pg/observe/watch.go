package observe

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Watch measures for the whole window and then returns. It only reads. Every
// call measures anew; one that is cancelled or loses the server returns what it
// has with an Unavailable error. A probe that fails is counted, not an error:
// that is what it is for.
func Watch(ctx context.Context, config Config) (Performance, error) {
	if err := config.check(); err != nil {
		return Performance{}, err
	}
	var seen Performance
	err := config.Server.Do(ctx, func(conn *pgx.Conn) error {
		w := &watcher{config: config, conn: conn}
		defer w.close(ctx)
		err := w.run(ctx)
		seen = w.seen
		return err
	})
	if err == nil || failure.ClassOf(err) != failure.Unknown {
		return seen, err
	}
	return seen, failure.Wrap(failure.Unavailable, err, "watch %s", config.Server)
}

type watcher struct {
	config Config
	conn   *pgx.Conn
	probe  *pgx.Conn // nil until the first round, and after an error
	took   []time.Duration
	first  counters
	seen   Performance

	own      int64 // commits of the statistics session since first
	ownProbe int64 // commits of the probing session since first
}

func (w *watcher) run(ctx context.Context) error {
	var err error
	if w.first, err = w.counters(ctx); err != nil {
		return err
	}
	w.own = 1 // the statement that read them is counted after it has read
	w.seen.FewestSeen = -1
	begin := time.Now()
	rounds := max(w.config.Probes.Rounds, 1)
	for round := range rounds {
		if err := waitUntil(ctx, begin.Add(w.config.Window*time.Duration(round)/time.Duration(rounds))); err != nil {
			return err
		}
		w.runProbes(ctx)
		if err := w.lookAtReplicas(ctx); err != nil {
			return err
		}
		w.report(begin)
	}
	if err := waitUntil(ctx, begin.Add(w.config.Window)); err != nil {
		return err
	}
	if err := w.lookAtReplicas(ctx); err != nil {
		return err
	}
	w.report(begin)
	return w.conclude(ctx)
}

func waitUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return failure.Wrap(failure.Unavailable, ctx.Err(), "watch the server to the end")
	}
}

// counters is one look at pg_stat_database.
type counters struct {
	at        time.Time // the server's clock
	started   time.Time // of the server
	committed int64
	resets    *time.Time // newest reset of the statistics
}

func (w *watcher) counters(ctx context.Context) (counters, error) {
	var c counters
	err := w.conn.QueryRow(ctx, `SELECT clock_timestamp(), pg_postmaster_start_time(), coalesce(sum(xact_commit), 0)::int8, max(stats_reset)
		FROM pg_stat_database WHERE datname IS NOT NULL AND (coalesce(cardinality($1::text[]), 0) = 0 OR datname = ANY($1))`,
		w.config.Databases).Scan(&c.at, &c.started, &c.committed, &c.resets)
	return c, pg.Classify(err, "read throughput")
}

func (w *watcher) conclude(ctx context.Context) error {
	last, err := w.counters(ctx)
	if err != nil {
		return err
	}
	w.seen.Over = last.at.Sub(w.first.at)
	w.seen.Samples = len(w.took)
	slices.Sort(w.took)
	w.seen.P95 = percentile(w.took, 95)
	w.seen.TPSUnknown = unknownTPS(w.first, last)
	if w.seen.TPSUnknown != "" {
		return nil
	}
	if w.counts(w.config.Server) {
		w.seen.OwnCommits += w.own
	}
	if w.counts(w.config.Probes.Server) {
		w.seen.OwnCommits += w.ownProbe
	}
	// Sessions report up to a second late, and those that touch no table not until
	// they do (src/backend/utils/activity/pgstat.c, pgstat_report_stat): over a
	// short time the figure is rough, and the subtraction may be a few too many.
	w.seen.Committed = max(0, last.committed-w.first.committed-w.seen.OwnCommits)
	w.seen.TPS = float64(w.seen.Committed) / w.seen.Over.Seconds()
	return nil
}

func unknownTPS(first, last counters) string {
	switch {
	case !last.started.Equal(first.started):
		return "the server was restarted meanwhile"
	case last.committed < first.committed, !sameTime(first.resets, last.resets):
		return "the statistics were reset meanwhile"
	case last.at.Sub(first.at) <= 0:
		return "the server's clock went backwards"
	}
	return ""
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// counts reports whether sessions of server are part of the throughput.
func (w *watcher) counts(server pg.Server) bool {
	database := server.Database
	if database == "" {
		database = "postgres"
	}
	return len(w.config.Databases) == 0 || slices.Contains(w.config.Databases, database)
}

// percentile is the nearest-rank percentile of ascending samples; 0 of none.
func percentile(ascending []time.Duration, percent int) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := (len(ascending)*percent + 99) / 100
	return ascending[max(rank, 1)-1]
}

func (w *watcher) report(begin time.Time) {
	if w.config.Progress != nil {
		w.config.Progress(Progress{Passed: time.Since(begin), Window: w.config.Window, Samples: len(w.took), ProbeErrors: w.seen.ProbeErrors})
	}
}
