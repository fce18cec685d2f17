package catalog

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Prefix begins the names of this package's activities.
const Prefix = "catalog."

// ProposeInput asks how to recover a database.
type ProposeInput struct {
	PlanHash      plan.Hash               `json:"plan_hash"`
	Database      string                  `json:"database"`
	SystemID      wal.SystemID            `json:"system_id"`            // of the cluster to recover
	Timeline      wal.Timeline            `json:"timeline"`             // of that cluster: a target that names none means its history
	Target        *recovery.Target        `json:"target,omitempty"`     // nil: propose one from Onsets
	Onsets        []recovery.Onset        `json:"onsets,omitempty"`     // evidence about when damage began
	Unsearched    *recovery.Unsearched    `json:"unsearched,omitempty"` // the log that could not be looked through for Onsets; nil: none
	RestorePoints []recovery.RestorePoint `json:"restore_points,omitempty"`
	Disrupted     time.Time               `json:"disrupted"`
	Fenced        time.Time               `json:"fenced,omitzero"` // heartbeats after it are not the application's work
}

// Proposed is a target and the way to it.
type Proposed struct {
	Proposal  *recovery.Proposal  `json:"proposal,omitempty"` // nil: the target was given
	Choice    recovery.Choice     `json:"choice"`
	Sets      int                 `json:"sets"`                // seen in all stores
	Newest    *recovery.Heartbeat `json:"newest,omitempty"`    // newest heartbeat kept outside the database
	Anomalies []string            `json:"anomalies,omitempty"` // at most 50: what the stores disagree about

	// Unanswered are the stores that did not answer: what they hold is not known.
	Unanswered []Unanswered `json:"unanswered,omitempty"`
}

// Unanswered is a store that did not answer.
type Unanswered struct {
	Store string `json:"store"`
	Why   string `json:"why"`
}
