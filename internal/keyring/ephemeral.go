package keyring

import (
	"golang.org/x/crypto/curve25519"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Marshal returns the private key, for a file only its owner reads, in the
// workspace of one run: a restore that is killed must be able to open the answer
// it waited for. What the key opens are the keys of data that lies restored
// beside it.
func (e *Ephemeral) Marshal() []byte { return append([]byte(nil), e.private[:]...) }

// ParseEphemeral reads what Marshal wrote.
func ParseEphemeral(raw []byte) (*Ephemeral, error) {
	var private, public [32]byte
	if len(raw) != len(private) {
		return nil, failure.New(failure.Corrupt, "an ephemeral key has %d bytes, not %d", len(private), len(raw))
	}
	copy(private[:], raw)
	derived, err := curve25519.X25519(private[:], curve25519.Basepoint)
	if err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "derive the public half of an ephemeral key")
	}
	copy(public[:], derived)
	return &Ephemeral{public: &public, private: &private}, nil
}
