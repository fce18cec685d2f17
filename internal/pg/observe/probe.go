package observe

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// runProbes runs every query once. A session that broke is opened again by the
// next round: a probe that fails must not end the watching.
func (w *watcher) runProbes(ctx context.Context) {
	for _, query := range w.config.Probes.Queries {
		took, err := w.runProbe(ctx, query)
		if err == nil {
			w.took = append(w.took, took)
			continue
		}
		w.seen.ProbeErrors++
		if w.seen.ProbeError == "" {
			w.seen.ProbeError = err.Error()
		}
	}
}

// runProbe measures the statement alone, to its last row, not the login.
func (w *watcher) runProbe(ctx context.Context, query string) (time.Duration, error) {
	if w.probe == nil || w.probe.IsClosed() {
		if err := w.openProbe(ctx); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	err := pg.Exec(ctx, w.probe, "run a probe", query)
	w.ownProbe++
	return time.Since(begin), err
}

// openProbe: a probe that writes by mistake is refused by the server.
func (w *watcher) openProbe(ctx context.Context) error {
	conn, err := w.config.Probes.Server.Connect(ctx)
	if err != nil {
		return err
	}
	w.ownProbe += 2 // the login is a transaction of its own
	if err := pg.Exec(ctx, conn, "make the session read only", "SET default_transaction_read_only = on"); err != nil {
		closeSession(ctx, conn)
		return err
	}
	w.probe = conn
	return nil
}

func (w *watcher) close(ctx context.Context) {
	if w.probe != nil {
		closeSession(ctx, w.probe)
	}
}

// closeSession says goodbye also after a cancellation; nothing depends on it.
func closeSession(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// replicas is one look at pg_stat_replication. A role that may not see it gets
// rows without a state.
type replicas struct {
	Streaming int    `db:"streaming"`
	Hidden    int    `db:"hidden"`
	Unsure    int    `db:"unsure"` // behind, and the server does not say how long
	LagMicros *int64 `db:"lag_micros"`
}

// A replica that has replayed all there is has no lag, whatever an idle server's
// replay_lag says: it keeps the last value, or NULL. Source: PostgreSQL
// documentation, "pg_stat_replication". A copy being made and the archive's own
// tail stream too, and are no replicas: a tail that reconnects a little later, as
// after a cut-over, is not a replica missing.
const lookSQL = `SELECT count(*) FILTER (WHERE state = 'streaming')::int AS streaming, count(*) FILTER (WHERE state IS NULL)::int AS hidden,
	count(*) FILTER (WHERE state = 'streaming' AND NOT caught_up AND replay_lag IS NULL)::int AS unsure,
	max(CASE WHEN caught_up THEN 0 ELSE extract(epoch FROM replay_lag) * 1000000 END) FILTER (WHERE state = 'streaming')::int8 AS lag_micros
	FROM (SELECT state, replay_lag, coalesce(replay_lsn >= pg_current_wal_flush_lsn(), false) AS caught_up
		FROM pg_stat_replication WHERE application_name NOT IN ('pg_basebackup', 'holdfast_tail')) AS r`

// patience is how long a replica that is behind without a figure is watched. The
// server gives none between a first write after idleness and its confirmation.
const patience = 2 * time.Second

// lookAtReplicas looks until every replica has caught up or has a figure; how long
// that took is a lag too.
func (w *watcher) lookAtReplicas(ctx context.Context) error {
	begin := time.Now()
	for {
		found, err := pg.Rows[replicas](ctx, w.conn, 1, "look at replicas", lookSQL)
		w.own++
		if err != nil {
			return err
		}
		now, waited := found[0], time.Since(begin)
		if now.Unsure > 0 && waited < patience {
			if err := waitUntil(ctx, time.Now().Add(patience/40)); err != nil {
				return err
			}
			continue
		}
		w.seen.add(now)
		if now.Unsure > 0 || waited > patience/40 {
			w.seen.ReplicaLag = max(w.seen.ReplicaLag, waited)
		}
		return nil
	}
}

func (p *Performance) add(now replicas) {
	p.LagSamples++
	p.Replicas = now.Streaming
	if p.FewestSeen < 0 || now.Streaming < p.FewestSeen {
		p.FewestSeen = now.Streaming
	}
	if now.LagMicros != nil {
		p.ReplicaLag = max(p.ReplicaLag, time.Duration(*now.LagMicros)*time.Microsecond)
	}
	switch {
	case now.Hidden > 0:
		p.LagUnknown = "this role may not see replication: GRANT pg_monitor to it"
	case now.Unsure > 0:
		p.LagUnknown = "a replica is behind, and the server does not say how long"
	}
}
