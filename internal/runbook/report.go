package runbook

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/recovery"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Recovered  Outcome = "recovered"   // followed to its end
	RolledBack Outcome = "rolled-back" // a person, or the deadline, undid the cut-over
	Aborted    Outcome = "aborted"     // a person, a policy or a gate ended it
	Canceled   Outcome = "canceled"
	Failed     Outcome = "failed"
)

// Summary is what a run leaves behind: the inputs of the report's arithmetic
// and where the evidence is. All durations are nanoseconds in JSON.
type Summary struct {
	WorkflowID string            `json:"workflow_id"`
	FirstRunID string            `json:"first_run_id"`
	Incident   string            `json:"incident"`
	Scenario   string            `json:"scenario"`
	Service    string            `json:"service"`
	PlanHash   string            `json:"plan_hash"`
	Mode       Mode              `json:"mode"`
	Outcome    Outcome           `json:"outcome"`
	Problem    string            `json:"problem,omitempty"` // why it is not Recovered
	StartedAt  time.Time         `json:"started_at"`
	EndedAt    time.Time         `json:"ended_at"`
	Instants   recovery.Instants `json:"instants"`
	Waits      []recovery.Wait   `json:"waits,omitempty"` // for people
	Phases     []PhaseReport     `json:"phases"`
	Steps      []StepReport      `json:"steps"`
	Findings   []string          `json:"findings,omitempty"`
	Refused    []RefusedCount    `json:"refused,omitempty"`
	UndosLeft  []string          `json:"undos_left,omitempty"` // titles of what could not be undone
	Head       evidence.Head     `json:"head"`                 // of the whole timeline
	HeadKept   stored.Where      `json:"head_kept,omitzero"`   // which stores locked it; empty: none did
	Pages      int               `json:"pages"`                // stored
	Unstored   []evidence.Page   `json:"unstored,omitempty"`   // pages no store would take
}

// PhaseReport is one phase as it went.
type PhaseReport struct {
	Name      string        `json:"name"`
	Title     string        `json:"title"`
	Budget    time.Duration `json:"budget_ns"`
	Extended  time.Duration `json:"extended_ns,omitempty"`
	Entered   time.Time     `json:"entered"`
	Left      time.Time     `json:"left,omitzero"`
	HumanWait time.Duration `json:"human_wait_ns,omitempty"` // not counted against the budget
	Breaches  int           `json:"breaches,omitempty"`
}

// StepState is where a step stands.
type StepState string

// The states of a step.
const (
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed" // and waiting for an answer, or advisory
	StepSkipped StepState = "skipped"
	StepAborted StepState = "aborted"
)

// StepReport is one step as it went.
type StepReport struct {
	Key      string    `json:"key"` // stable identifier
	Title    string    `json:"title"`
	Phase    string    `json:"phase"`
	Activity string    `json:"activity"`
	Class    Class     `json:"class"`
	On       string    `json:"on,omitempty"` // task queue, where not the run's own
	State    StepState `json:"state"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Attempts int       `json:"attempts"` // by people's or the policy's retry; automatic ones not counted
	Error    string    `json:"error,omitempty"`
}

// RefusedCount is how many messages of one sender did not count.
type RefusedCount struct {
	Sender string `json:"sender"` // a person of the plan as claimed, or "unknown"
	Count  int    `json:"count"`
}
