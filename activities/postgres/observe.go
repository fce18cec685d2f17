package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/observe"
	"github.com/terragonlabs/holdfast/internal/plan"
)

const (
	// baselineWindow is how long a server is watched for a baseline before it is
	// fenced: long enough to count transactions, short enough for a disaster.
	baselineWindow = 3 * time.Second
	// countedOver is the time before the disruption whose throughput is the baseline.
	countedOver = 10 * time.Minute
	// probesEvery is how often the critical queries are timed while watching.
	probesEvery = 250 * time.Millisecond
	// minSamples tell something about a 95th percentile.
	minSamples = 10
)

// Observe watches the serving cluster for the plan's time and judges throughput,
// latency and replica lag against the baseline. Without a baseline the verdicts
// are unknown, never passed. It only reads.
func (a *Activities) Observe(ctx context.Context, in ObserveInput) (Observation, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	observation, err := a.observe(ctx, in, func(p observe.Progress) { beat.Report(p) })
	return observation, boundary.Out(err)
}

func (a *Activities) observe(ctx context.Context, in ObserveInput, progress func(observe.Progress)) (Observation, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return Observation{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return Observation{}, err
	}
	now, err := t.watch(ctx, server, in.For, progress)
	if err != nil {
		return Observation{}, err
	}
	before := observe.Baseline{Counted: counted(ctx, server, in.Disrupted)}
	if in.Baseline != nil {
		known := measured(*in.Baseline)
		before.Watched = &known
	}
	out := Observation{Performance: performanceOf(now)}
	for _, verdict := range observe.Judge(now, before, boundsOf(t.database.Observation)) {
		out.Verdicts = append(out.Verdicts, CheckResult{
			Name: verdict.Name, Status: statusOf(verdict.Status), Got: verdict.Got, Want: verdict.Want, Detail: verdict.Detail,
		})
	}
	return out, nil
}

// counted is the throughput before the disruption as the recovered database itself
// remembers it: what it holds ends where it was recovered to. Zero when nothing is
// known: it was enrolled before throughput was counted, or nobody says when.
func counted(ctx context.Context, server pg.Server, disrupted time.Time) observe.Throughput {
	if disrupted.IsZero() {
		return observe.Throughput{}
	}
	var samples []heartbeat.Sample
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		var err error
		samples, err = heartbeat.Samples(ctx, conn, disrupted, countedOver)
		return err
	})
	if err != nil {
		return observe.Throughput{} // the verdict then says that too little was counted
	}
	return observe.Count(samples)
}

// watch measures for a while, with the plan's critical queries as probes.
func (t target) watch(ctx context.Context, server pg.Server, window time.Duration, progress func(observe.Progress)) (observe.Performance, error) {
	var queries []string
	for _, query := range t.database.CriticalQueries {
		queries = append(queries, query.SQL)
	}
	return observe.Watch(ctx, observe.Config{
		Server: server, Databases: []string{t.database.DBName}, Window: window, Progress: progress,
		Probes: observe.Probes{Server: server, Queries: queries, Rounds: max(1, int(window/probesEvery))},
	})
}

func boundsOf(o plan.Observation) observe.Bounds {
	return observe.Bounds{
		MinTPSRatio: o.MinTPSRatio, MaxP95Ratio: o.MaxP95Ratio, MaxReplicaLag: o.MaxReplicaLag.Std(),
		MinSamples: minSamples, MinOver: time.Second,
	}
}

func statusOf(status observe.Status) CheckStatus {
	switch status {
	case observe.Passed:
		return CheckPassed
	case observe.Failed:
		return CheckFailed
	case observe.Unknown:
		return CheckUnknown
	}
	return CheckUnknown
}

func performanceOf(p observe.Performance) Performance {
	return Performance{
		Over: p.Over, TPS: p.TPS, TPSUnknown: p.TPSUnknown, P95: p.P95, Samples: p.Samples, ProbeErrors: p.ProbeErrors,
		ProbeError: p.ProbeError, ReplicaLag: p.ReplicaLag, LagUnknown: p.LagUnknown, Replicas: p.Replicas,
		FewestSeen: p.FewestSeen, LagSamples: p.LagSamples, Committed: p.Committed,
	}
}

func measured(p Performance) observe.Performance {
	return observe.Performance{
		Over: p.Over, TPS: p.TPS, TPSUnknown: p.TPSUnknown, P95: p.P95, Samples: p.Samples, ProbeErrors: p.ProbeErrors,
		ProbeError: p.ProbeError, ReplicaLag: p.ReplicaLag, LagUnknown: p.LagUnknown, Replicas: p.Replicas,
		FewestSeen: p.FewestSeen, LagSamples: p.LagSamples, Committed: p.Committed,
	}
}
