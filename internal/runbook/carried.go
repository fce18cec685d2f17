package runbook

import (
	"encoding/json"
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// Carried is everything a run knows that its history does not have to tell
// again: what continue-as-new takes along. Workflows pass it on and do not look
// inside.
type Carried struct {
	Head      evidence.Head     `json:"head"`
	Unstored  []evidence.Page   `json:"unstored,omitempty"` // pages no store would take yet
	Pages     int               `json:"pages"`
	Continued int               `json:"continued"` // how often the workflow continued as new
	StartedAt time.Time         `json:"started_at"`
	Target    string            `json:"target,omitempty"`
	Done      []doneStep        `json:"done,omitempty"`
	Steps     []StepReport      `json:"steps,omitempty"`
	Phases    []PhaseReport     `json:"phases,omitempty"`
	Instants  recovery.Instants `json:"instants"`
	Waits     []recovery.Wait   `json:"waits,omitempty"`
	Findings  []string          `json:"findings,omitempty"`
	Clocks    []Clock           `json:"clocks,omitempty"` // of hosts, as compared

	Declared  *declared    `json:"declared,omitempty"`
	Lease     stored.Lease `json:"lease"`
	Obeyed    uint64       `json:"obeyed,omitempty"` // newest token that a host acted under, as asked
	Renewals  int          `json:"renewals,omitempty"`
	LeaseLost string       `json:"lease_lost,omitempty"`
	Undos     []undo       `json:"undos,omitempty"`
	UndoCount int          `json:"undo_count,omitempty"`

	Questions  []*question `json:"questions,omitempty"` // open ones, and passed gates
	QuestionNo int         `json:"question_no,omitempty"`
	Senders    []sender    `json:"senders,omitempty"`
	PausedBy   string      `json:"paused_by,omitempty"`
	Stop       *stop       `json:"stop,omitempty"` // why no further step may start
	RolledBack bool        `json:"rolled_back,omitempty"`
	Committed  bool        `json:"committed,omitempty"`
}

// doneStep is a step whose outcome is settled, with what it returned.
type doneStep struct {
	Key     string          `json:"key"`
	Output  json.RawMessage `json:"output,omitempty"`
	Skipped bool            `json:"skipped,omitempty"`
	Failed  *failedStep     `json:"failed,omitempty"` // advisory steps only
}

// failedStep is how an advisory step failed.
type failedStep struct {
	Class   failure.Class `json:"class"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
}

// declared says by whom and when the incident was declared.
type declared struct {
	By    string        `json:"by"`
	At    time.Time     `json:"at"`
	Proof warrant.Proof `json:"proof,omitzero"` // what they signed; empty: the policy declared
}

// stop is a settled decision that ends the run.
type stop struct {
	Why string `json:"why"`
	By  string `json:"by,omitempty"`
}

// done returns the settled outcome of the step named key.
func (c *Carried) done(key string) (doneStep, bool) {
	for _, d := range c.Done {
		if d.Key == key {
			return d, true
		}
	}
	return doneStep{}, false
}
