package report

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// Input is everything a report is made of. Times are UTC.
type Input struct {
	GeneratedAt time.Time `json:"generated_at"`
	Drill       bool      `json:"drill"` // on isolated targets; false: a real incident
	Incident    Incident  `json:"incident"`
	Objective   string    `json:"objective"` // what was tested
	Scenario    string    `json:"scenario"`  // what was simulated, or what happened
	Plan        Plan      `json:"plan"`
	Run         Run       `json:"run"`

	Instants recovery.Instants  `json:"instants"`
	Waits    []recovery.Wait    `json:"waits,omitempty"`
	RTO      recovery.RTOResult `json:"rto"`
	RPO      recovery.RPOResult `json:"rpo"`
	Criteria []Criterion        `json:"criteria"`

	Phases []Phase `json:"phases"`
	Gates  []Gate  `json:"gates,omitempty"`

	Choice  *recovery.Choice  `json:"choice,omitempty"`
	Reached *recovery.Reached `json:"reached,omitempty"`
	Target  Criterion         `json:"target"` // asked against reached, as compared
	Checks  []Check           `json:"checks,omitempty"`
	Lost    []LostTable       `json:"lost,omitempty"`

	Issues    []Issue      `json:"issues,omitempty"`
	Lessons   []string     `json:"lessons,omitempty"`
	NextSteps []string     `json:"next_steps,omitempty"`
	Repairs   []Repair     `json:"repairs,omitempty"`
	Stores    []StoreState `json:"stores,omitempty"`

	Timeline []evidence.Entry `json:"timeline,omitempty"`
	Head     evidence.Head    `json:"head"`
	HeadKept string           `json:"head_kept,omitempty"` // which object of which stores holds the head; empty: unknown
	Versions []evidence.Pair  `json:"versions,omitempty"`  // program, server, plan, tools
}

// Incident is the disruption, or the one that was played.
type Incident struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Severity string `json:"severity"`
	Service  string `json:"service"`
	Priority string `json:"priority"`
	Scenario string `json:"scenario"` // the runbook's name
	System   string `json:"system,omitempty"`
}

// Plan says which plan the run followed.
type Plan struct {
	Title   string `json:"title"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// Outcome is how the run ended.
type Outcome string

// The outcomes.
const (
	Recovered  Outcome = "recovered"
	RolledBack Outcome = "rolled back"
	Aborted    Outcome = "aborted"
	Failed     Outcome = "failed"
	Running    Outcome = "running" // a report taken before the end
)

// Run identifies the workflow run.
type Run struct {
	Workflow   string    `json:"workflow"`
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Requester  string    `json:"requester,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	Detail     string    `json:"detail,omitempty"`
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended,omitzero"`
}

// Criterion is one success criterion with what shows it.
type Criterion struct {
	Title    string           `json:"title"`
	Verdict  recovery.Verdict `json:"verdict"`
	Evidence string           `json:"evidence,omitempty"`
}

// Phase is one phase of the runbook with its steps, in order.
type Phase struct {
	Name   string        `json:"name"`
	Budget time.Duration `json:"budget_ns"` // with extensions
	Begin  time.Time     `json:"begin,omitzero"`
	End    time.Time     `json:"end,omitzero"` // zero: did not end
	Breach string        `json:"breach,omitempty"`
	Steps  []Step        `json:"steps,omitempty"`
}

// StepOutcome is how a step ended.
type StepOutcome string

// The outcomes of a step.
const (
	StepSucceeded StepOutcome = "succeeded"
	StepFailed    StepOutcome = "failed"
	StepSkipped   StepOutcome = "skipped"
	StepAborted   StepOutcome = "aborted"
	StepOpen      StepOutcome = "open" // had not ended when the report was made
)

// Step is one step of a phase.
type Step struct {
	Title    string      `json:"title"`
	Begin    time.Time   `json:"begin"`
	End      time.Time   `json:"end,omitzero"`
	Outcome  StepOutcome `json:"outcome"`
	Attempts int         `json:"attempts"`
	Detail   string      `json:"detail,omitempty"`
}

// Gate is one point at which people decided.
type Gate struct {
	Title     string     `json:"title"`
	Phase     string     `json:"phase"`
	Opened    time.Time  `json:"opened"`
	Closed    time.Time  `json:"closed,omitzero"`
	Outcome   string     `json:"outcome"` // passed, rejected, expired, open
	Quorum    int        `json:"quorum"`
	Approvals []Approval `json:"approvals,omitempty"`
	Shown     string     `json:"shown,omitempty"` // what the approvers were shown
}

// Approval is one person's verdict at a gate.
type Approval struct {
	Person  string    `json:"person"`
	Role    string    `json:"role"`
	Verdict string    `json:"verdict"`
	At      time.Time `json:"at"`
	Key     string    `json:"key,omitempty"` // fingerprint of the signing key
	Reason  string    `json:"reason,omitempty"`
}

// Check is one validation of the recovered service.
type Check struct {
	Title    string           `json:"title"`
	Expected string           `json:"expected"`
	Got      string           `json:"got"`
	Verdict  recovery.Verdict `json:"verdict"`
}

// Count is a number of rows that may not be known.
type Count struct {
	Rows  int64 `json:"rows"`
	Known bool  `json:"known"`
}

// LostTable is the work in one table that the recovered database does not have.
type LostTable struct {
	Table   string `json:"table"`
	Inserts Count  `json:"inserts"`
	Updates Count  `json:"updates"`
	Deletes Count  `json:"deletes"`
	Note    string `json:"note,omitempty"`
}

// Issue is something that went wrong, in the template's terms.
type Issue struct {
	Title      string `json:"title"`
	Severity   string `json:"severity"`
	Impact     string `json:"impact"`
	Resolution string `json:"resolution"`
}

// Repair is something the run mended on its way, such as a part taken from
// another store.
type Repair struct {
	At     time.Time `json:"at"`
	Title  string    `json:"title"`
	Detail string    `json:"detail,omitempty"`
}

// StoreState is what the run saw of one store.
type StoreState struct {
	Name     string           `json:"name"`
	Provider string           `json:"provider"`
	Verdict  recovery.Verdict `json:"verdict"` // holds everything that is needed
	Detail   string           `json:"detail,omitempty"`
}
