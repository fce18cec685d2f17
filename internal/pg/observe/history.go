package observe

import (
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
)

// MinCounted is the shortest time that is preferred to watching: sessions report
// their commits up to a second late, which over seconds is much.
const MinCounted = 30 * time.Second

// Throughput is what a database committed over a time.
type Throughput struct {
	TPS  float64
	Over time.Duration // that was counted; holes and restarts left out
}

// Count returns the throughput over samples, oldest first. Only between two samples
// of one life of one server, without a reset of its statistics, is anything counted.
// It decides purely.
func Count(samples []heartbeat.Sample) Throughput {
	var committed int64
	var over time.Duration
	for i := 1; i < len(samples); i++ {
		before, after := samples[i-1], samples[i]
		if unknownTPS(countersOf(before), countersOf(after)) != "" {
			continue
		}
		committed += after.Committed - before.Committed
		over += after.At.Sub(before.At)
	}
	if over <= 0 {
		return Throughput{}
	}
	return Throughput{TPS: float64(committed) / over.Seconds(), Over: over}
}

func countersOf(s heartbeat.Sample) counters {
	return counters{at: s.At, started: s.Started, committed: s.Committed, resets: s.Reset}
}

// Baseline is what a server is compared with.
type Baseline struct {
	// Watched is how it behaved when a run began: after the disruption, and for
	// seconds. nil: nobody could watch.
	Watched *Performance
	// Counted is what it committed before the disruption. The zero value: nothing,
	// or not enough, was counted then.
	Counted Throughput
}

// tps is the baseline of the throughput, where it comes from in words, and why
// there is none.
func (b Baseline) tps() (value float64, source, unknown string) {
	switch {
	case b.Counted.Over >= MinCounted && b.Counted.TPS > 0:
		return b.Counted.TPS, fmt.Sprintf("counted for %.0f s before the disruption", b.Counted.Over.Seconds()), ""
	case b.Watched == nil:
		return 0, "", noBaseline
	case b.Watched.TPSUnknown != "" || b.Watched.TPS <= 0:
		return 0, "", "the baseline has no throughput"
	}
	return b.Watched.TPS, fmt.Sprintf("watched for %.0f s after the disruption, since too little was counted before it", b.Watched.Over.Seconds()), ""
}
