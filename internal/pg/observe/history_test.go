package observe_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/observe"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// taken are samples of one server, ten seconds apart.
func taken(committed ...int64) []heartbeat.Sample {
	samples := make([]heartbeat.Sample, len(committed))
	for i, count := range committed {
		samples[i] = heartbeat.Sample{At: noon.Add(time.Duration(i) * 10 * time.Second), Started: noon.Add(-time.Hour), Committed: count}
	}
	return samples
}

func TestCountLeavesOutWhatCannotBeCompared(t *testing.T) {
	t.Parallel()
	reset := noon.Add(15 * time.Second)
	for name, row := range map[string]struct {
		change func([]heartbeat.Sample)
		tps    float64
		over   time.Duration
	}{
		"steady":          {func([]heartbeat.Sample) {}, 100, 40 * time.Second},
		"a restart":       {func(s []heartbeat.Sample) { s[2].Started, s[3].Started, s[4].Started = noon, noon, noon }, 100, 30 * time.Second},
		"a reset":         {func(s []heartbeat.Sample) { s[2].Reset, s[3].Reset, s[4].Reset = &reset, &reset, &reset }, 100, 30 * time.Second},
		"back to nothing": {func(s []heartbeat.Sample) { s[4].Committed = 3 }, 100, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			samples := taken(5000, 6000, 7000, 8000, 9000)
			row.change(samples)
			got := observe.Count(samples)
			if got.TPS != row.tps || got.Over != row.over {
				t.Errorf("Count = %+v, want %v/s over %s", got, row.tps, row.over)
			}
		})
	}
	for _, few := range [][]heartbeat.Sample{nil, taken(5)} {
		if got := observe.Count(few); got != (observe.Throughput{}) {
			t.Errorf("Count(%v) = %+v, want nothing", few, got)
		}
	}
}

// TestCountNeverInventsCommits: no more is counted than there was.
func TestCountNeverInventsCommits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		samples := taken(rapid.SliceOf(rapid.Int64Range(0, 1<<40)).Draw(t, "committed")...)
		var rises int64
		for i := 1; i < len(samples); i++ {
			rises += max(0, samples[i].Committed-samples[i-1].Committed)
		}
		got := observe.Count(samples)
		if counted := got.TPS * got.Over.Seconds(); counted > float64(rises)*1.000001 || got.Over < 0 {
			t.Fatalf("%+v counts %.1f, there were %d", got, counted, rises)
		}
	})
}

// TestThroughputIsComparedWithWhatWasCountedBefore the disruption, whatever was
// watched after it; and the verdict says over how long that was.
func TestThroughputIsComparedWithWhatWasCountedBefore(t *testing.T) {
	t.Parallel()
	degraded := good()
	degraded.TPS, degraded.Over = 10, 3*time.Second
	now := good()
	now.TPS = 50
	for name, row := range map[string]struct {
		baseline observe.Baseline
		want     observe.Status
		says     string
	}{
		"counted":         {observe.Baseline{Watched: &degraded, Counted: observe.Throughput{TPS: 100, Over: 10 * time.Minute}}, observe.Failed, "100.0/s, counted for 600 s before the disruption"},
		"counted, alone":  {observe.Baseline{Counted: observe.Throughput{TPS: 60, Over: time.Minute}}, observe.Passed, "60.0/s, counted for 60 s before the disruption"},
		"not long enough": {observe.Baseline{Watched: &degraded, Counted: observe.Throughput{TPS: 100, Over: 20 * time.Second}}, observe.Passed, "10.0/s, watched for 3 s after the disruption"},
		"idle before":     {observe.Baseline{Counted: observe.Throughput{Over: time.Minute}}, observe.Unknown, "no baseline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdicts := observe.Judge(now, row.baseline, bounds())
			if verdicts[0].Status != row.want || !strings.Contains(verdicts[0].Detail, row.says) {
				t.Errorf("%+v, want %s saying %q", verdicts[0], row.want, row.says)
			}
			if row.baseline.Watched == nil && (verdicts[1].Status != observe.Unknown || verdicts[2].Status != observe.Unknown) {
				t.Errorf("without anything watched: %+v", verdicts[1:])
			}
		})
	}
}

// TestSamplesCountTheLoad on a real server.
func TestSamplesCountTheLoad(t *testing.T) {
	t.Parallel()
	server, _ := watched(t)
	conn := server.ConnectTo(t, server.Super().In("shop"))
	if err := heartbeat.Enroll(t.Context(), conn, heartbeat.EnrollOptions{Writer: "postgres"}); err != nil {
		t.Fatal(err)
	}
	sample := func() {
		t.Helper()
		if err := heartbeat.TakeSample(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	sample()
	before := committed(t, server)
	const load = 500
	working := server.ConnectTo(t, server.Super().In("shop"))
	for range load {
		if _, err := working.Exec(t.Context(), "INSERT INTO orders VALUES (1)"); err != nil {
			t.Fatal(err)
		}
	}
	if err := working.Close(t.Context()); err != nil { // reports what it committed
		t.Fatal(err)
	}
	pgtest.Eventually(t, "the load in the statistics", func() bool { return committed(t, server) >= before+load })
	sample()
	samples, err := heartbeat.Samples(t.Context(), conn, time.Now().Add(time.Hour), time.Hour)
	if err != nil || len(samples) != 2 {
		t.Fatalf("samples %+v, %v", samples, err)
	}
	got := observe.Count(samples)
	if n := got.TPS * got.Over.Seconds(); n < load || n > load*1.2 {
		t.Errorf("%+v counts %.0f commits, there were %d", got, n, load)
	}
}

func committed(t *testing.T, server *pgtest.Server) int {
	t.Helper()
	return pgtest.Query[int](t, server, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'shop'")
}
