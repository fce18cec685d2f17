package store

import (
	"encoding/hex"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// ParseDigest reads a SHA-256 in hexadecimal; the empty string is the zero digest.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if s == "" {
		return d, nil
	}
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(d) {
		return Digest{}, failure.Invalid("sha256", "%.80q is not 64 hexadecimal digits", s)
	}
	copy(d[:], raw)
	return d, nil
}
