package approval

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Encode returns m's canonical text; see the package comment. Times are cut to
// the second and put in UTC.
func Encode(m Message) (string, error) {
	m.IssuedAt = m.IssuedAt.UTC().Truncate(time.Second)
	m.ExpiresAt = m.ExpiresAt.UTC().Truncate(time.Second)
	if err := m.Validate(); err != nil {
		return "", err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // what people read is what they sign
	if err := encoder.Encode(m); err != nil {
		return "", failure.Wrap(failure.InvalidInput, err, "encode message")
	}
	if text.Len() > MaxPayloadBytes {
		return "", failure.Invalid("message", "%d bytes long, at most %d are allowed", text.Len(), MaxPayloadBytes)
	}
	return text.String(), nil
}

// Decode reads a payload. It refuses what is too long, malformed, has unknown
// fields, or is not in canonical form. It checks no signature.
func Decode(payload string) (Message, error) {
	if len(payload) > MaxPayloadBytes {
		return Message{}, failure.Invalid("payload", "%d bytes long, at most %d are allowed", len(payload), MaxPayloadBytes)
	}
	if !utf8.ValidString(payload) {
		return Message{}, failure.Invalid("payload", "is not UTF-8")
	}
	var m Message
	decoder := json.NewDecoder(bytes.NewReader([]byte(payload)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return Message{}, failure.Wrap(failure.InvalidInput, err, "decode payload")
	}
	canonical, err := Encode(m)
	if err != nil {
		return Message{}, err
	}
	if canonical != payload {
		return Message{}, failure.Invalid("payload", "is not in canonical form").
			WithHint("sign the text that starter status prints, byte for byte")
	}
	return m, nil
}
