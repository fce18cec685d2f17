package approval

import (
	"time"
)

// Kind says what a message asks of a run. The values are also the names of the
// signals and the keys of the plan's authority table; a value is never renamed.
type Kind string

// The kinds of message.
const (
	Declare     Kind = "declare"     // this is an incident; the run may change things
	Approve     Kind = "approve"     // go through the open gate
	Reject      Kind = "reject"      // do not
	Acknowledge Kind = "acknowledge" // a person has seen the question; stop paging
	Pause       Kind = "pause"       // start no further step
	Resume      Kind = "resume"      // go on after a pause
	Resolve     Kind = "resolve"     // answer a failed step: see Verdict
	Extend      Kind = "extend"      // give a phase that ran out more time: see ExtendSeconds
	Commit      Kind = "commit"      // keep the provisional cut-over
	Rollback    Kind = "rollback"    // undo it
)

// Kinds lists every kind, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{Declare, Approve, Reject, Acknowledge, Pause, Resume, Resolve, Extend, Commit, Rollback}
}

// Verdict is the answer to a failed step or a breach.
type Verdict string

// The verdicts.
const (
	Retry Verdict = "retry" // run the same step again
	Skip  Verdict = "skip"  // go on without it; refused for required steps
	Abort Verdict = "abort" // end the run and undo what it did
)

// Message is one instruction of one person to one run. Fields a kind has no use
// for are empty; Validate says which are required.
type Message struct {
	Kind    Kind    `json:"kind"`
	Person  string  `json:"person"` // the person's ID in the plan
	Verdict Verdict `json:"verdict,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	// ExtendSeconds is how much longer a phase may take, in seconds.
	ExtendSeconds int64 `json:"extend_seconds,omitempty"`

	WorkflowID string `json:"workflow_id"`
	// FirstRunID is that of the first run in the chain; empty only in a
	// declaration that is signed before the run exists.
	FirstRunID string `json:"first_run_id,omitempty"`
	Incident   string `json:"incident"`
	// Nonce names the one question this answers; empty for pause, resume and a
	// declaration signed beforehand.
	Nonce string `json:"nonce,omitempty"`
	// Target is the identity of what will be changed, as the question showed it.
	Target   string `json:"target,omitempty"`
	PlanHash string `json:"plan_hash"`
	// ChoiceHash is the SHA-256 of the choice put to the approver.
	ChoiceHash string `json:"choice_hash,omitempty"`
	// TimelineHead is the hash of the timeline entry that opened the question.
	TimelineHead string `json:"timeline_head,omitempty"`

	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Sequence grows with every message of one person to one run.
	Sequence uint64 `json:"sequence"`
}

// Signed is a message as it travels. It is what `temporal workflow signal
// --input` takes.
type Signed struct {
	Payload   string `json:"payload"`   // the canonical JSON text that was signed
	Signature string `json:"signature"` // armored: -----BEGIN SSH SIGNATURE-----
}

// Bounds on what is accepted.
const (
	MaxPayloadBytes   = 8 << 10
	MaxSignatureBytes = 4 << 10
	maxTextBytes      = 1024
	maxReasonBytes    = 2048
	// MaxValidity is the longest time between IssuedAt and ExpiresAt.
	MaxValidity = 24 * time.Hour
	// MaxSkew is how far a signer's clock may be ahead of the run's.
	MaxSkew = 2 * time.Minute
	// MaxExtension is the longest extension one message may give.
	MaxExtension = 24 * time.Hour
)

// Namespace separates holdfast's signatures from any other use of the same key.
const Namespace = "holdfast@v1"
