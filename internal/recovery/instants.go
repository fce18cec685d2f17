package recovery

import (
	"time"
)

// Instant is a moment of the incident with its source. The zero value is unknown.
type Instant struct {
	At          time.Time     `json:"at,omitzero"`
	Source      string        `json:"source,omitempty"` // who or what said so
	ClockOffset time.Duration `json:"clock_offset_ns"`  // source's clock minus reference clock
	Uncertainty time.Duration `json:"uncertainty_ns"`   // at most this much off, either way
	Known       bool          `json:"known"`
	// ClockKnown: offset and uncertainty say something. The run's own instants are on
	// the reference clock; of what people and machines report, nothing is known
	// unless their clock was compared.
	ClockKnown bool `json:"clock_known,omitempty"`
}

// Corrected returns the moment on the reference clock.
func (i Instant) Corrected() time.Time { return i.At.Add(-i.ClockOffset).UTC() }

// Approval is the instant of one gate's approval.
type Approval struct {
	Gate string `json:"gate"`
	Instant
}

// Instants are the moments of one incident, each unknown until recorded.
type Instants struct {
	Disrupted     Instant    `json:"disrupted"`
	Detected      Instant    `json:"detected"`
	Declared      Instant    `json:"declared"`
	Approved      []Approval `json:"approved,omitempty"`
	Started       Instant    `json:"started"`
	DataRecovered Instant    `json:"data_recovered"`
	Serving       Instant    `json:"serving"`
	Verified      Instant    `json:"verified"`
}

// Wait is a stretch in which the run waited for a person.
type Wait struct {
	Reason string    `json:"reason"` // the gate or the question
	From   time.Time `json:"from"`   // on the reference clock
	To     time.Time `json:"to"`     // zero: still waiting
}
