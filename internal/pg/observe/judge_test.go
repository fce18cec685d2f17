package observe_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/pg/observe"
)

func good() observe.Performance {
	return observe.Performance{Over: time.Minute, TPS: 100, P95: 10 * time.Millisecond, Samples: 100, ReplicaLag: time.Second, Replicas: 1, FewestSeen: 1, LagSamples: 10}
}

func bounds() observe.Bounds {
	return observe.Bounds{MinTPSRatio: 0.8, MaxP95Ratio: 1.5, MaxReplicaLag: 5 * time.Second, MinSamples: 20, MinOver: 10 * time.Second}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const passed, failed, unknown = observe.Passed, observe.Failed, observe.Unknown
	tests := map[string]struct {
		change func(now, baseline *observe.Performance)
		want   [3]observe.Status // throughput, latency, replication
	}{
		"the same":    {func(_, _ *observe.Performance) {}, [3]observe.Status{passed, passed, passed}},
		"just within": {func(n, _ *observe.Performance) { n.TPS, n.P95, n.ReplicaLag = 80, 15*time.Millisecond, 5*time.Second }, [3]observe.Status{passed, passed, passed}},
		"just outside": {func(n, _ *observe.Performance) {
			n.TPS, n.P95, n.ReplicaLag = 79.9, 15*time.Millisecond+1, 5*time.Second+1
		}, [3]observe.Status{failed, failed, failed}},
		"too few samples":          {func(n, _ *observe.Performance) { n.Samples, n.Over = 19, time.Second }, [3]observe.Status{unknown, unknown, passed}},
		"a probe fails":            {func(n, _ *observe.Performance) { n.ProbeErrors = 1 }, [3]observe.Status{passed, failed, passed}},
		"statistics reset":         {func(n, _ *observe.Performance) { n.TPSUnknown = "reset" }, [3]observe.Status{unknown, passed, passed}},
		"idle baseline":            {func(_, b *observe.Performance) { b.TPS, b.P95 = 0, 0 }, [3]observe.Status{unknown, unknown, passed}},
		"a replica is gone":        {func(n, _ *observe.Performance) { n.Replicas, n.FewestSeen = 0, 0 }, [3]observe.Status{passed, passed, failed}},
		"a replica was gone":       {func(n, _ *observe.Performance) { n.FewestSeen = 0 }, [3]observe.Status{passed, passed, failed}},
		"replication is hidden":    {func(n, _ *observe.Performance) { n.LagUnknown = "hidden" }, [3]observe.Status{passed, passed, unknown}},
		"hidden, and surely bad":   {func(n, _ *observe.Performance) { n.LagUnknown, n.ReplicaLag = "one hidden", time.Minute }, [3]observe.Status{passed, passed, failed}},
		"replication never looked": {func(n, _ *observe.Performance) { n.LagSamples = 0 }, [3]observe.Status{passed, passed, unknown}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, baseline := good(), good()
			tt.change(&now, &baseline)
			for i, verdict := range observe.Judge(now, observe.Baseline{Watched: &baseline}, bounds()) {
				if verdict.Status != tt.want[i] {
					t.Errorf("%+v, want %s", verdict, tt.want[i])
				}
			}
		})
	}
}

// TestNothingPassesWithoutABaseline whatever was measured.
func TestNothingPassesWithoutABaseline(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := observe.Performance{
			Over: time.Duration(rapid.Int64().Draw(t, "over")), TPS: rapid.Float64Range(0, math.MaxFloat64).Draw(t, "tps"),
			P95: time.Duration(rapid.Int64().Draw(t, "p95")), Samples: rapid.Int().Draw(t, "samples"), LagSamples: rapid.Int().Draw(t, "looks"),
		}
		for _, verdict := range observe.Judge(now, observe.Baseline{}, bounds()) {
			if verdict.Status != observe.Unknown {
				t.Fatalf("%+v without a baseline", verdict)
			}
		}
	})
}
