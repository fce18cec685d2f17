package clock

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// Prefix begins the names of this package's activities.
const Prefix = "clock."

// Activities read the clock of the host they run on, and what else a run must know of
// the host before it takes its lease.
type Activities struct {
	StateDir string // where the host keeps its state; "": it keeps none
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// Question asks a host for its time.
type Question struct {
	Host  string    `json:"host"`  // as the plan names it, for readers of the history
	Asked time.Time `json:"asked"` // when, by the run's clock
	// Lease names the lease that the run will take; "": none is asked about.
	Lease string `json:"lease,omitempty"`
}

// Reading is a host's time.
type Reading struct {
	At time.Time `json:"at"`
	// Obeyed is the newest token of that lease that the host acted under; 0: none, or
	// it cannot be read, which the host says itself when it is to act.
	Obeyed uint64 `json:"obeyed,omitempty"`
}

// Read returns the time by this host's clock, and the lease it obeyed last. It changes
// nothing.
func (a *Activities) Read(_ context.Context, in Question) (Reading, error) {
	reading := Reading{At: time.Now().UTC()}
	if in.Lease == "" || a.StateDir == "" {
		return reading, nil
	}
	if token, err := (guard.Guard{Dir: a.StateDir}).Newest(in.Lease); err == nil {
		reading.Obeyed = token
	}
	return reading, nil
}
