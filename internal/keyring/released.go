package keyring

import (
	"context"
	"crypto/rand"

	"golang.org/x/crypto/nacl/box"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Ephemeral is the restoring host's key pair for one request. Who keeps it for a
// restarted restore does so with Marshal, and removes it after use.
type Ephemeral struct{ public, private *[32]byte }

// NewEphemeral makes a fresh key pair.
func NewEphemeral() (*Ephemeral, error) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "make ephemeral key")
	}
	return &Ephemeral{public: public, private: private}, nil
}

// Request asks for the given items.
func (e *Ephemeral) Request(items []ReleaseItem) Request {
	return Request{HostKey: *e.public, Items: items}
}

// Open unseals a holder's answer. An answer to another request, or a changed
// one, is failure.Corrupt.
func (e *Ephemeral) Open(sealed []byte) (*Released, error) {
	if len(sealed) > maxSealedBytes {
		return nil, failure.Invalid("sealed", "%d bytes are more than %d", len(sealed), maxSealedBytes)
	}
	plain, ok := box.OpenAnonymous(nil, sealed, e.public, e.private)
	if !ok {
		return nil, failure.New(failure.Corrupt, "sealed session keys do not open with this host's key").
			WithHint("ask the key holder again: the answer belongs to another request or was changed")
	}
	var answer released
	if err := decodeStrict(plain, maxSealedBytes, &answer); err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read session keys")
	}
	source := &Released{keys: map[string]SessionKey{}}
	for _, item := range answer.Keys {
		key, err := sessionKeyOf(item.Mode, item.Key)
		if err != nil {
			return nil, err
		}
		source.keys[item.Header] = key
	}
	return source, nil
}

// Released is a KeySource over the session keys a holder handed out.
type Released struct{ keys map[string]SessionKey }

// SessionKey implements KeySource.
func (r *Released) SessionKey(_ context.Context, setID string, pkesks []byte) (SessionKey, error) {
	key, ok := r.keys[HeaderID(pkesks)]
	if !ok {
		return SessionKey{}, failure.New(failure.Forbidden, "the key holder released no session key for set %.80q", setID).
			WithHint("ask the key holder to release set %s", setID)
	}
	return key, nil
}
