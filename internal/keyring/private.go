package keyring

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// KeySource finds the session key for a key header.
type KeySource interface {
	// SessionKey returns the key that opens objects beginning with the header
	// pkesks. setID is the set (or object) the caller says they belong to. It
	// fails with failure.Forbidden when this source cannot open the header.
	SessionKey(ctx context.Context, setID string, pkesks []byte) (SessionKey, error)
}

// Private opens key headers with private keys: the key holder's side, or a
// restore where the keys were brought to the host.
type Private struct {
	keys []*packet.PrivateKey // primary keys and subkeys: either may be the one encrypted to

	mu    sync.Mutex // guards cache
	cache map[string]SessionKey
}

// maxCachedKeys bounds the cache; a chain of sets has a few dozen headers.
const maxCachedKeys = 4096

// NewPrivate returns a source over the given keys.
func NewPrivate(keys ...PrivateKey) *Private {
	p := &Private{cache: map[string]SessionKey{}}
	for _, key := range keys {
		p.keys = append(p.keys, key.entity.PrivateKey)
		for _, sub := range key.entity.Subkeys {
			p.keys = append(p.keys, sub.PrivateKey)
		}
	}
	return p
}

// SessionKey implements KeySource. Results are cached by header.
func (p *Private) SessionKey(_ context.Context, setID string, pkesks []byte) (SessionKey, error) {
	id := HeaderID(pkesks)
	p.mu.Lock()
	defer p.mu.Unlock()
	if key, ok := p.cache[id]; ok {
		return key, nil
	}
	packets, err := parseHeader(pkesks)
	if err != nil {
		return SessionKey{}, err
	}
	for _, candidate := range packets {
		if key, ok := p.open(candidate); ok {
			if len(p.cache) >= maxCachedKeys {
				clear(p.cache)
			}
			p.cache[id] = key
			return key, nil
		}
	}
	return SessionKey{}, failure.New(failure.Forbidden, "no private key here opens set %.80q", setID).
		WithHint("use the private key of one of the set's recipients: gpg --list-packets <part> names their key IDs")
}

// open tries every private key that the packet may be addressed to.
func (p *Private) open(candidate *packet.EncryptedKey) (SessionKey, bool) {
	for _, key := range p.keys {
		if key == nil || !key.PubKeyAlgo.CanEncrypt() || (candidate.KeyId != 0 && candidate.KeyId != key.KeyId) {
			continue
		}
		if err := candidate.Decrypt(key, nil); err != nil {
			continue // addressed to another key, or damaged: the next may do
		}
		mode := CFB
		if candidate.Version == 6 {
			mode = GCM
		} else if candidate.CipherFunc != packet.CipherAES256 {
			continue
		}
		if session, err := sessionKeyOf(mode, candidate.Key); err == nil {
			return session, true
		}
	}
	return SessionKey{}, false
}

// parseHeader reads the encrypted-session-key packets of one header.
func parseHeader(pkesks []byte) ([]*packet.EncryptedKey, error) {
	if len(pkesks) == 0 || len(pkesks) > MaxHeaderBytes {
		return nil, failure.New(failure.Corrupt, "key header has %d bytes, want 1 to %d", len(pkesks), MaxHeaderBytes)
	}
	var found []*packet.EncryptedKey
	r := bytes.NewReader(pkesks)
	for r.Len() > 0 {
		next, err := packet.Read(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, failure.Wrap(failure.Corrupt, err, "read key header")
		}
		key, ok := next.(*packet.EncryptedKey)
		if !ok {
			return nil, failure.New(failure.Corrupt, "key header holds something that is no encrypted session key")
		}
		found = append(found, key)
	}
	return found, nil
}
