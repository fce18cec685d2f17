package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// MaxChoiceBytes bounds the JSON of a choice that is put to approvers.
const MaxChoiceBytes = 64 << 10

// Choice is what is put to approvers: a value as indented JSON, and the SHA-256
// of exactly that text.
type Choice struct {
	Text string `json:"text"`
	Hash string `json:"hash"`
}

// ChoiceOf renders v. Map keys are sorted by encoding/json, so equal values have
// equal texts.
func ChoiceOf(v any) (Choice, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return Choice{}, failure.Wrap(failure.Internal, err, "encode choice")
	}
	if len(text) > MaxChoiceBytes {
		return Choice{}, failure.New(failure.Internal, "choice is %d bytes long, at most %d are allowed", len(text), MaxChoiceBytes).
			WithHint("put large lists in a stored object and its hash in the choice")
	}
	sum := sha256.Sum256(text)
	return Choice{Text: string(text), Hash: hex.EncodeToString(sum[:])}, nil
}
