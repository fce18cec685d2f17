package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// OnsetSource is what kind of evidence says that damage began.
type OnsetSource string

// The sources of evidence about damage.
const (
	OnsetWAL       OnsetSource = "wal"       // a record in the log: exact position
	OnsetChecksum  OnsetSource = "checksum"  // a bad page: an upper bound
	OnsetInvariant OnsetSource = "invariant" // an SQL invariant first seen broken: an upper bound
	OnsetOperator  OnsetSource = "operator"  // a person's word
)

// Onset is one piece of evidence about when damage began.
type Onset struct {
	Source   OnsetSource  `json:"source"`
	At       time.Time    `json:"at,omitzero"`
	LastGood time.Time    `json:"last_good,omitzero"` // the same check was still good then
	LSN      wal.LSN      `json:"lsn,omitzero"`       // start of the damaging transaction's commit record, or of its first where Commit is given
	Commit   wal.LSN      `json:"commit,omitzero"`    // start of its commit record, where recovery must stop earlier
	Timeline wal.Timeline `json:"timeline,omitzero"`
	XID      uint64       `json:"xid,omitempty"`
	Relation string       `json:"relation,omitempty"`
	Detail   string       `json:"detail,omitempty"`
	Named    []string     `json:"named,omitempty"` // why what it touched is known to be damaged, or to matter: see Propose
}

// Confidence is how much a candidate is to be trusted.
type Confidence string

// The levels of confidence.
const (
	ConfidenceHigh   Confidence = "high"
	ConfidenceMedium Confidence = "medium"
	ConfidenceLow    Confidence = "low"
)

// Candidate is one possible beginning of the damage and the target before it.
type Candidate struct {
	Onset        Onset      `json:"onset"`
	Target       Target     `json:"target"`
	Confidence   Confidence `json:"confidence"`
	Why          string     `json:"why"`
	ExpectedLoss Amount     `json:"expected_loss"` // newest heartbeat - target
}

// Proposal is the target put to the commander, with what else was considered.
type Proposal struct {
	Candidate
	Alternatives []Candidate `json:"alternatives,omitempty"`
	Withheld     int         `json:"withheld,omitempty"` // further alternatives that are not listed
}
