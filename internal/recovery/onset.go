package recovery

import (
	"fmt"
	"strings"
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
	// Unsearched is the part of the log that nobody could read and that may hold the
	// beginning of the damage: the target may be later than it. nil: there is none.
	Unsearched *Unsearched `json:"unsearched,omitempty"`
}

// Unsearched is what was not looked at of the log from Since on: what lies before where
// reading began, for it is no longer where it could be read, and transactions that were
// found and are too many. What it holds is unknown.
type Unsearched struct {
	Since     time.Time    `json:"since"`             // the search should have begun here
	Disrupted time.Time    `json:"disrupted"`         // what people reported; damage began at or before it
	From      time.Time    `json:"from,omitzero"`     // first commit that was read, or Since; zero: the log around Disrupted was not read at all
	FromLSN   wal.LSN      `json:"from_lsn,omitzero"` // reading began here
	Timeline  wal.Timeline `json:"timeline,omitzero"`
	Cut       int          `json:"cut,omitempty"`       // transactions that destroy data, were found, and are no evidence here
	CutNamed  int          `json:"cut_named,omitempty"` // those of them that touched what is named as damaged
	Detail    string       `json:"detail,omitempty"`    // why no more was read
}

// text says what was not looked at, for the person who decides.
func (u Unsearched) text() string {
	var parts []string
	switch {
	case u.From.IsZero():
		parts = append(parts, "the log around "+timeText(u.Disrupted)+", when disruption was reported, was not searched")
	case u.From.After(u.Since):
		parts = append(parts, fmt.Sprintf("the log was searched from %s (%s) on, and not from %s", u.FromLSN, timeText(u.From), timeText(u.Since)))
	}
	if u.Detail != "" {
		parts = append(parts, u.Detail)
	}
	if u.Cut > 0 {
		parts = append(parts, fmt.Sprintf("%d more transactions that destroy data were found than are listed", u.Cut))
	}
	return strings.Join(parts, "; ")
}

// hides reports whether the beginning of the damage may lie in what was not looked at.
// It does not where the log carries no damage, nor where a transaction that was read is
// known to have touched what is damaged, not after the disruption, and the log was
// read from before the disruption on; unless another of those was left out.
func (u Unsearched) hides(chosen Onset) bool {
	if chosen.Source == OnsetChecksum {
		return false
	}
	shown := chosen.Source == OnsetWAL && len(chosen.Named) > 0
	return u.From.IsZero() || !shown || u.CutNamed > 0 || chosen.At.After(u.Disrupted.Add(onsetSlack))
}
