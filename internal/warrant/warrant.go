package warrant

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/terragonlabs/holdfast/internal/approval"
)

// DeclarationKey is the key of the question by which an incident is declared.
const DeclarationKey = "declaration"

// CommitKey is the key of the question whether a cut-over is kept.
const CommitKey = "provisional"

// GateKey returns the key of the question of a gate.
func GateKey(gate string) string { return "gate:" + gate }

// Warrant entitles one run to act on a service. It holds no secret: signed
// messages, and where they belong.
type Warrant struct {
	Holder      string `json:"holder"`              // of the lease: workflow ID and first run ID
	Token       uint64 `json:"token"`               // fencing token of the lease; 0: the run has none
	Requester   string `json:"requester,omitempty"` // who asked for the run, as its starter says
	Declaration Proof  `json:"declaration"`
	Gate        *Proof `json:"gate,omitempty"` // nil: no gate was passed yet
	// Commit is how the cut-over was committed; without messages, by the plan's
	// deadline. nil: it was not.
	Commit *Proof `json:"commit,omitempty"`
}

// Proof is how one question was answered.
type Proof struct {
	Number   int               `json:"number,omitempty"` // of the question in the run; with key and head it makes the nonce
	Choice   string            `json:"choice,omitempty"` // approval.Occasion as hashed, for a declaration signed beforehand
	Messages []approval.Signed `json:"messages"`
}

// Digest names a proof.
func (p Proof) Digest() string {
	h := sha256.New()
	for _, m := range p.Messages {
		h.Write([]byte(m.Payload))
		h.Write([]byte(m.Signature))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Gate names a gate of a runbook of the plan.
type Gate struct {
	Scenario string
	Name     string
}

// Need is what a host is about to do, and so what a warrant must show.
type Need struct {
	Run      string // workflow ID and first run ID
	Service  string
	Database string
	// Target is the identity that is about to be touched, as approvers were shown it;
	// empty: nothing that serves is touched.
	Target string
	Gate   *Gate // must have been passed; nil: the declaration is enough
	// Undo takes back what a warrant allowed before: its messages may have expired
	// meanwhile.
	Undo bool
	// Commit: it must have been decided that the cut-over is kept.
	Commit bool
}
