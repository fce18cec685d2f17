package clock

import (
	"context"
	"time"
)

// Prefix begins the names of this package's activities.
const Prefix = "clock."

// Activities read the clock of the host they run on.
type Activities struct{}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// Question asks a host for its time.
type Question struct {
	Host  string    `json:"host"`  // as the plan names it, for readers of the history
	Asked time.Time `json:"asked"` // when, by the run's clock
}

// Reading is a host's time.
type Reading struct {
	At time.Time `json:"at"`
}

// Read returns the time by this host's clock. It changes nothing.
func (*Activities) Read(context.Context, Question) (Reading, error) {
	return Reading{At: time.Now().UTC()}, nil
}
