package keyring

import (
	"bytes"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	minRecipients = 2
	maxRecipients = 10
	// MaxHeaderBytes bounds a key header: ten RSA-8192 recipients fit.
	MaxHeaderBytes = 12 << 10
)

// Recipients are the public keys that can read a backup: two to ten, so that
// losing one key, or the person who has it, loses no data.
type Recipients struct{ keys []PublicKey }

// NewRecipients checks that keys are two to ten different keys that encrypt.
func NewRecipients(keys ...PublicKey) (Recipients, error) {
	seen := map[string]bool{}
	for _, key := range keys {
		seen[key.Fingerprint()] = true
		if _, err := key.encryptionKey(time.Now()); err != nil {
			return Recipients{}, err
		}
	}
	if len(seen) < minRecipients || len(keys) > maxRecipients {
		return Recipients{}, failure.Invalid("recipients", "%d different keys given, want %d to %d (one kept offline)",
			len(seen), minRecipients, maxRecipients)
	}
	return Recipients{keys: keys}, nil
}

// Fingerprints returns the recipients' fingerprints in order.
func (r Recipients) Fingerprints() []string {
	prints := make([]string, len(r.keys))
	for i, key := range r.keys {
		prints[i] = key.Fingerprint()
	}
	return prints
}

// NewSession makes a session key and its key header: one encrypted-session-key
// packet for each recipient. Every object written under the key begins with the
// header, so gpg -d works on each alone.
func (r Recipients) NewSession(mode Mode) (SessionKey, []byte, error) {
	if len(r.keys) < minRecipients {
		return SessionKey{}, nil, failure.Invalid("recipients", "none given").WithHint("use keyring.NewRecipients with two keys or more")
	}
	key, err := newSessionKey(mode)
	if err != nil {
		return SessionKey{}, nil, err
	}
	var header bytes.Buffer
	for _, recipient := range r.keys {
		public, err := recipient.encryptionKey(time.Now())
		if err != nil {
			return SessionKey{}, nil, err
		}
		err = packet.SerializeEncryptedKeyAEAD(&header, public, packet.CipherAES256, mode == GCM, key.Bytes(), nil)
		if err != nil {
			return SessionKey{}, nil, failure.Wrap(failure.InvalidInput, err, "encrypt session key to %s", recipient.Fingerprint())
		}
	}
	if header.Len() > MaxHeaderBytes {
		return SessionKey{}, nil, failure.Invalid("recipients", "key header has %d bytes, more than %d", header.Len(), MaxHeaderBytes)
	}
	return key, header.Bytes(), nil
}
