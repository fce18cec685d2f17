package observe

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Performance is how a server behaved over a time.
type Performance struct {
	Over        time.Duration `json:"over"`
	TPS         float64       `json:"tps"`           // committed transactions a second, holdfast's own left out
	TPSUnknown  string        `json:"tps_unknown"`   // why TPS says nothing; "" when it does
	P95         time.Duration `json:"p95"`           // of the probes that succeeded
	Samples     int           `json:"samples"`       // probes that succeeded
	ProbeErrors int           `json:"probe_errors"`  // probes that failed
	ProbeError  string        `json:"probe_error"`   // the first one's words
	ReplicaLag  time.Duration `json:"replica_lag"`   // greatest seen; meaningless without replicas
	LagUnknown  string        `json:"lag_unknown"`   // why ReplicaLag says nothing; "" when it does
	Replicas    int           `json:"replicas"`      // streaming at the end
	FewestSeen  int           `json:"fewest_seen"`   // streaming at any time
	LagSamples  int           `json:"lag_samples"`   // looks at replication
	Committed   int64         `json:"committed"`     // behind TPS
	OwnCommits  int64         `json:"own_committed"` // left out of Committed
}

// Config says what to watch.
type Config struct {
	Server    pg.Server     // holdfast's own role; should be a member of pg_monitor
	Databases []string      // whose throughput counts; empty: every database
	Window    time.Duration // how long
	Probes    Probes
	Progress  func(Progress) // after each look; may be nil
}

// Probes are queries an application depends on.
type Probes struct {
	Server  pg.Server // as the application's role, in its database
	Queries []string
	Rounds  int // how often all of them run, spread evenly over the window
}

// Progress is how far watching is.
type Progress struct {
	Passed, Window time.Duration
	Samples        int
	ProbeErrors    int
}

const maxRounds = 100_000

func (c Config) check() error {
	switch {
	case c.Window <= 0:
		return failure.Invalid("window", "%s is no time to watch", c.Window)
	case len(c.Probes.Queries) > 0 && (c.Probes.Rounds < 1 || c.Probes.Rounds > maxRounds):
		return failure.Invalid("probes.rounds", "%d must be 1 to %d", c.Probes.Rounds, maxRounds)
	}
	return nil
}
