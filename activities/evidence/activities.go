package evidence

import (
	"encoding/json"
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Prefix is put before every activity's name: "evidence.PutPage".
const Prefix = "evidence."

// Ref names the activities in workflow code. It is never called and never set.
var Ref *Activities

// Activities write and read a run's record. Stores are in the plan's order.
type Activities struct {
	Stores []store.Store
}

// Run names a run over all its continuations.
type Run struct {
	WorkflowID string `json:"workflow_id"`
	FirstRunID string `json:"first_run_id"`
}

// Where says what holds an object that was put.
type Where struct {
	Key     string   `json:"key"`
	Stores  []string `json:"stores"`            // that have it
	Missing []string `json:"missing,omitempty"` // that would not take it
}

// PageIn asks for one page of a timeline to be stored.
type PageIn struct {
	Run         Run           `json:"run"`
	Page        evidence.Page `json:"page"`
	RetainUntil time.Time     `json:"retain_until,omitzero"`
}

// HeadIn asks for the head of a timeline to be stored under a lock.
type HeadIn struct {
	Run         Run           `json:"run"`
	Phase       string        `json:"phase"` // that ended, or "end"
	Head        evidence.Head `json:"head"`
	RetainUntil time.Time     `json:"retain_until,omitzero"`
}

// UndoRecord is one compensation, complete enough to be run without Temporal.
type UndoRecord struct {
	Number    int             `json:"number"` // from 1, in order of registration
	Title     string          `json:"title"`
	Activity  string          `json:"activity"`
	TaskQueue string          `json:"task_queue,omitempty"` // "" for the run's own
	Input     json.RawMessage `json:"input"`
	Always    bool            `json:"always,omitempty"` // teardown: not dropped by a commit
	At        time.Time       `json:"at"`
}

// UndoIn asks for an undo record to be mirrored.
type UndoIn struct {
	Run     Run        `json:"run"`
	Service string     `json:"service"`
	Undo    UndoRecord `json:"undo"`
}

// UndoOutcome is what became of an undo record.
type UndoOutcome string

// The outcomes. A record without one is still to be undone.
const (
	Undone    UndoOutcome = "undone"
	Committed UndoOutcome = "committed" // no longer to be undone
)

// UndoneIn asks for an undo record's outcome to be mirrored.
type UndoneIn struct {
	Run     Run         `json:"run"`
	Number  int         `json:"number"`
	Outcome UndoOutcome `json:"outcome"`
	At      time.Time   `json:"at"`
}

// Lease is the right to change a service, held by one run.
type Lease struct {
	Service string        `json:"service"`
	Holder  string        `json:"holder"`
	Token   uint64        `json:"token"` // fencing token: grows with every holder
	TTL     time.Duration `json:"ttl_ns"`
	Stores  []string      `json:"stores,omitempty"` // that hold the claim
	Lost    []string      `json:"lost,omitempty"`   // left out of the count, by a person's word
	Expires time.Time     `json:"expires,omitzero"` // by the stores' clocks, the earliest
}

// AcquireIn asks for a lease.
type AcquireIn struct {
	Service string        `json:"service"`
	Holder  string        `json:"holder"` // workflow ID and first run ID
	TTL     time.Duration `json:"ttl_ns"`
	// Partial leaves stores that do not answer out of the count. Only a person may
	// decide this: two runs that each see another store could then both act.
	Partial bool `json:"partial,omitempty"`
	// Obeyed is the newest token that a host acted under: unless the holder has that
	// itself, the lease gets a higher one. 0: no host is known to have acted.
	Obeyed uint64 `json:"obeyed,omitempty"`
}

// RenewIn asks for a lease to be renewed for the Number-th time.
type RenewIn struct {
	Lease  Lease `json:"lease"`
	Number int   `json:"number"` // from 1
}
