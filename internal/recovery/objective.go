package recovery

import "time"

// Verdict compares a figure with its objective.
type Verdict string

// The verdicts. Accepted is for data whose loss the plan accepts.
const (
	VerdictMet      Verdict = "met"
	VerdictMissed   Verdict = "missed"
	VerdictUnknown  Verdict = "unknown"
	VerdictAccepted Verdict = "accepted"
)

// Objective is an RTO or RPO of the plan. The zero value states none.
type Objective struct {
	Limit time.Duration `json:"limit_ns"`
	Any   bool          `json:"any"` // the plan says any value is acceptable
}

// Figure is one measured duration against its objective.
type Figure struct {
	Amount
	Uncertainty time.Duration `json:"uncertainty_ns"`
	Objective   Objective     `json:"objective"`
	Verdict     Verdict       `json:"verdict"`
	Why         string        `json:"why,omitempty"` // what is unknown or was corrected
}

// Gap is the time between two neighbouring instants, and who it was spent by.
type Gap struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Total   Amount `json:"total"`
	Human   Amount `json:"human"`
	Machine Amount `json:"machine"`
}

// RTOResult is the recovery time achieved: Total = Undetected + Human + Machine.
type RTOResult struct {
	Total      Figure `json:"total"`
	Undetected Amount `json:"undetected"` // Disrupted to Detected: nobody was working yet
	Human      Amount `json:"human"`      // gates and decisions
	Machine    Amount `json:"machine"`
	Gaps       []Gap  `json:"gaps"`
}

// RPOResult is the recovery point achieved, in two figures.
type RPOResult struct {
	PointReached Figure `json:"point_reached"` // Disrupted - newest surviving
	WorkLost     Figure `json:"work_lost"`     // newest acknowledged before the fence - newest surviving
}
