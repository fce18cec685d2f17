package keyring

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Mode says how content is encrypted under a session key.
type Mode uint8

const (
	// CFB is AES-256-CFB with a modification detection code (RFC 4880, SEIPD
	// version 1). GnuPG 2.2 reads it; it is the default.
	CFB Mode = iota
	// GCM is AES-256-GCM (RFC 9580, SEIPD version 2): faster, but read by Sequoia
	// and holdfast only, not by GnuPG 2.2.
	GCM
)

const sessionKeyBytes = 32 // AES-256

// SessionKey decrypts the objects that share one key header. It never prints.
type SessionKey struct {
	mode Mode
	key  [sessionKeyBytes]byte
}

func newSessionKey(mode Mode) (SessionKey, error) {
	key := SessionKey{mode: mode}
	if mode != CFB && mode != GCM {
		return key, failure.Invalid("mode", "%d is neither CFB nor GCM", mode)
	}
	_, err := rand.Read(key.key[:])
	return key, failure.Wrap(failure.Internal, err, "make session key")
}

func sessionKeyOf(mode Mode, raw []byte) (SessionKey, error) {
	key := SessionKey{mode: mode}
	if len(raw) != sessionKeyBytes || mode > GCM {
		return key, failure.New(failure.Corrupt, "session key has %d bytes, want %d (AES-256)", len(raw), sessionKeyBytes)
	}
	copy(key.key[:], raw)
	return key, nil
}

// Mode returns how content under this key is encrypted.
func (k SessionKey) Mode() Mode { return k.mode }

// Bytes returns the 32 raw bytes, for the cipher only.
func (k SessionKey) Bytes() []byte { return k.key[:] }

// String implements fmt.Stringer without showing the key.
func (SessionKey) String() string { return "session key (redacted)" }

// GoString implements fmt.GoStringer without showing the key.
func (SessionKey) GoString() string { return "session key (redacted)" }

// HeaderID names a key header (the encrypted-session-key packets an object
// begins with): the first 128 bits of its SHA-256, in hexadecimal.
func HeaderID(header []byte) string {
	sum := sha256.Sum256(header)
	return hex.EncodeToString(sum[:16])
}
