package runbook

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// The queries every runbook answers.
const (
	QueryStatus   = "status"   // Status
	QueryTimeline = "timeline" // Timeline
)

// State is what a run is doing, in one word.
type State string

// The states.
const (
	StateRunning State = "running"
	StateWaiting State = "waiting" // for people: see Questions
	StatePaused  State = "paused"
	StateUndoing State = "undoing"
	StateEnded   State = "ended"
)

// Status is the answer to the status query: where the run stands, and for each
// open question everything an approver must see and sign.
type Status struct {
	WorkflowID string            `json:"workflow_id"`
	FirstRunID string            `json:"first_run_id"`
	Incident   string            `json:"incident"`
	Scenario   string            `json:"scenario"`
	Title      string            `json:"title"`
	Service    string            `json:"service"`
	PlanHash   string            `json:"plan_hash"`
	Mode       Mode              `json:"mode"`
	State      State             `json:"state"`
	Phase      string            `json:"phase,omitempty"`
	StartedAt  time.Time         `json:"started_at"`
	PhaseEnds  time.Time         `json:"phase_ends,omitzero"` // when the budget runs out, if nobody waits
	DeclaredBy string            `json:"declared_by,omitempty"`
	PausedBy   string            `json:"paused_by,omitempty"`
	Stopping   string            `json:"stopping,omitempty"` // why no further step starts
	Phases     []PhaseReport     `json:"phases"`
	Steps      []StepReport      `json:"steps"`
	Questions  []OpenQuestion    `json:"questions,omitempty"`
	Undos      []string          `json:"undos,omitempty"` // titles, last first
	Instants   recovery.Instants `json:"instants"`
	Findings   []string          `json:"findings,omitempty"`
	Refused    []RefusedCount    `json:"refused,omitempty"`
	LeaseToken uint64            `json:"lease_token,omitempty"`
	Head       evidence.Head     `json:"head"`
}

// OpenQuestion is a question people must answer now.
type OpenQuestion struct {
	Key       string             `json:"key"`
	Title     string             `json:"title"`
	Accepts   []approval.Kind    `json:"accepts"`
	Roles     []string           `json:"roles"` // whose holders may answer
	Missing   int                `json:"missing"`
	Approved  []string           `json:"approved,omitempty"` // by whom so far
	OpenedAt  time.Time          `json:"opened_at"`
	ExpiresAt time.Time          `json:"expires_at,omitzero"`
	Target    string             `json:"target,omitempty"`
	Choice    string             `json:"choice"` // in full, as hashed
	Commands  []string           `json:"commands"`
	Templates []approval.Message `json:"templates"` // one for each kind accepted; person and times are the signer's
}

// Timeline is the answer to the timeline query: the newest entries. Older ones
// are in the stores, in Pages pages.
type Timeline struct {
	Head    evidence.Head    `json:"head"`
	Pages   int              `json:"pages"`
	Entries []evidence.Entry `json:"entries"`
}

func (rb *Run) registerQueries() error {
	err := workflow.SetQueryHandlerWithOptions(rb.ctx, QueryStatus, func() (Status, error) { return rb.Status(), nil },
		workflow.QueryHandlerOptions{Description: "where the run stands, and what people must sign"})
	if err != nil {
		return failure.Wrap(failure.Internal, err, "register query %s", QueryStatus)
	}
	err = workflow.SetQueryHandlerWithOptions(rb.ctx, QueryTimeline, func() (Timeline, error) { return rb.timeline(), nil },
		workflow.QueryHandlerOptions{Description: "the newest entries of the timeline"})
	return failure.Wrap(failure.Internal, err, "register query %s", QueryTimeline)
}

func (rb *Run) timeline() Timeline {
	entries := rb.recent[max(0, len(rb.recent)-recentEntries):]
	return Timeline{Head: rb.chain.Head(), Pages: rb.book.Pages, Entries: entries}
}

// Status returns where the run stands. It changes nothing.
func (rb *Run) Status() Status {
	s := Status{
		WorkflowID: rb.id.WorkflowID, FirstRunID: rb.id.FirstRunID, Incident: rb.spec.Incident,
		Scenario: rb.spec.Plan.Runbook.Scenario, Title: rb.spec.Plan.Runbook.Title, Service: rb.spec.Plan.Service.Name,
		PlanHash: string(rb.spec.Plan.PlanHash), Mode: rb.spec.Mode, State: rb.runState(), Phase: rb.phaseName(),
		StartedAt: rb.book.StartedAt, PausedBy: rb.book.PausedBy, Phases: rb.book.Phases, Steps: rb.book.Steps,
		Instants: rb.book.Instants, Findings: rb.book.Findings, Refused: rb.refusedCounts(),
		LeaseToken: rb.book.Lease.Token, Head: rb.chain.Head(),
	}
	if left, bounded := rb.timeLeft(); bounded {
		s.PhaseEnds = rb.Now().Add(left)
	}
	if rb.book.Declared != nil {
		s.DeclaredBy = rb.book.Declared.By
	}
	if rb.book.Stop != nil {
		s.Stopping = rb.book.Stop.Why
	}
	for _, q := range rb.book.Questions {
		if q.Answer == nil {
			s.Questions = append(s.Questions, rb.openQuestionOf(q))
		}
	}
	for i := len(rb.book.Undos) - 1; i >= 0; i-- {
		s.Undos = append(s.Undos, rb.book.Undos[i].Title)
	}
	return s
}

func (rb *Run) runState() State {
	switch {
	case rb.ended:
		return StateEnded
	case rb.closed:
		return StateUndoing
	case rb.book.PausedBy != "":
		return StatePaused
	case rb.waiting > 0:
		return StateWaiting
	default:
		return StateRunning
	}
}
