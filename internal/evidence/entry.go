package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Hash is a SHA-256 in the chain.
type Hash [sha256.Size]byte

// IsZero reports whether h was never set.
func (h Hash) IsZero() bool { return h == Hash{} }

// String returns h in lower-case hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler: lower-case hexadecimal.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return failure.Invalid("hash", "%.80q is not a SHA-256 in hexadecimal", text)
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return failure.Invalid("hash", "%.80q is not a SHA-256 in hexadecimal", text)
	}
	return nil
}

// Pair is one datum of an entry. Pairs keep their order, which maps do not.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Entry is one thing that happened. The caller fills everything from At to
// Data; Append sets Seq, Prev and Hash.
type Entry struct {
	Seq    uint64    `json:"seq"` // from 1
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	Phase  string    `json:"phase,omitempty"`
	Step   string    `json:"step,omitempty"`  // stable identifier
	Title  string    `json:"title"`           // for people
	Actor  string    `json:"actor,omitempty"` // person or system that did it
	Detail string    `json:"detail,omitempty"`
	Target string    `json:"target,omitempty"` // what it was done to, identity included
	Data   []Pair    `json:"data,omitempty"`
	Prev   Hash      `json:"prev"`
	Hash   Hash      `json:"hash"`
}

// Value returns the value of the first pair named key, or "".
func (e Entry) Value(key string) string {
	for _, pair := range e.Data {
		if pair.Key == key {
			return pair.Value
		}
	}
	return ""
}
