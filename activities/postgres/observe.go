package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
)

// baselineWindow is how long a server is watched for a baseline before it is
// fenced: long enough to count transactions, short enough for a disaster.
const baselineWindow = 3 * time.Second

// Observe watches the serving cluster for the plan's time and judges throughput,
// latency and replica lag against the baseline. Without a baseline the verdicts
// are unknown, never passed. It only reads.
func (a *Activities) Observe(ctx context.Context, in ObserveInput) (Observation, error) {
	observation, err := a.observe(ctx, in)
	return observation, boundary.Out(err)
}

func (a *Activities) observe(ctx context.Context, in ObserveInput) (Observation, error) {
	defer pulse.Start(ctx).Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Observation{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return Observation{}, err
	}
	now, err := a.perform(ctx, t, server, in.For)
	if err != nil {
		return Observation{}, err
	}
	return Observation{Performance: now, Verdicts: t.judgePerformance(now, in.Baseline)}, nil
}

// perform counts transactions over a window while it times the critical queries.
func (a *Activities) perform(ctx context.Context, t target, server pg.Server, window time.Duration) (Performance, error) {
	before, begin, err := committed(ctx, server)
	if err != nil {
		return Performance{}, err
	}
	var queries []string
	for _, query := range t.database.CriticalQueries {
		queries = append(queries, query.SQL)
	}
	latency, err := sample(ctx, server, queries, begin.Add(window))
	if err != nil {
		return Performance{}, err
	}
	after, end, err := committed(ctx, server)
	if err != nil {
		return Performance{}, err
	}
	over := end.Sub(begin)
	// holdfast's own sessions and samples are transactions too, but not work.
	own := int64(latency.Samples) + 2
	out := Performance{Over: over, TPS: float64(max(0, after-before-own)) / over.Seconds(), P95: latency.P95}
	for _, replica := range inspect.Inspect(ctx, server).Replicas {
		if !replica.Base {
			out.Replicas++
			out.ReplicaLag = max(out.ReplicaLag, time.Duration(replica.LagSecs*float64(time.Second)))
		}
	}
	return out, nil
}

// sample times the queries four times a second until a moment.
func sample(ctx context.Context, server pg.Server, queries []string, until time.Time) (verify.Latency, error) {
	var worst verify.Latency
	for {
		if len(queries) > 0 {
			measured, err := verify.Measure(ctx, server, queries, 1)
			if err != nil {
				return worst, err
			}
			worst.Samples += measured.Samples
			worst.P95 = max(worst.P95, measured.P95)
		}
		pause := min(250*time.Millisecond, time.Until(until))
		if pause <= 0 {
			return worst, nil
		}
		select {
		case <-ctx.Done():
			return worst, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// committed is the number of transactions the database has committed, and when.
func committed(ctx context.Context, server pg.Server) (int64, time.Time, error) {
	var count int64
	var at time.Time
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		return pg.Classify(conn.QueryRow(ctx, `SELECT xact_commit, clock_timestamp() FROM pg_stat_database
			WHERE datname = current_database()`).Scan(&count, &at), "count transactions")
	})
	return count, at, err
}

// judgePerformance compares with the plan's bounds.
func (t target) judgePerformance(now Performance, before *Performance) []CheckResult {
	bounds := t.database.Observation
	lag := CheckResult{Name: "replica lag", Got: now.ReplicaLag.String(), Want: "at most " + bounds.MaxReplicaLag.String(), Status: CheckUnknown}
	if now.Replicas > 0 {
		lag.Status = passedIf(now.ReplicaLag <= bounds.MaxReplicaLag.Std())
	} else {
		lag.Got = "no replica streams"
	}
	tps := CheckResult{Name: "throughput", Got: fmt.Sprintf("%.1f tps", now.TPS), Status: CheckUnknown, Want: "no baseline was measured"}
	p95 := CheckResult{Name: "latency of critical queries", Got: now.P95.String(), Status: CheckUnknown, Want: "no baseline was measured"}
	if before != nil {
		tps.Want = fmt.Sprintf("at least %.2f × %.1f tps", bounds.MinTPSRatio, before.TPS)
		tps.Status = passedIf(now.TPS >= bounds.MinTPSRatio*before.TPS)
		p95.Want = fmt.Sprintf("at most %.1f × %s", bounds.MaxP95Ratio, before.P95)
		p95.Status = passedIf(float64(now.P95) <= bounds.MaxP95Ratio*float64(before.P95))
	}
	return []CheckResult{tps, p95, lag}
}

func passedIf(met bool) CheckStatus {
	if met {
		return CheckPassed
	}
	return CheckFailed
}
