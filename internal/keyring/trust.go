package keyring

import (
	"bytes"
	"crypto"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Trusted is one host's signing key and when it was trusted. A zero bound is open.
type Trusted struct {
	Key       PublicKey
	NotBefore time.Time
	NotAfter  time.Time
}

// Trust is the set of signing keys readers accept.
type Trust []Trusted

// TrustAlways trusts the given keys without limit of time.
func TrustAlways(keys ...PublicKey) Trust {
	trust := make(Trust, len(keys))
	for i, key := range keys {
		trust[i] = Trusted{Key: key}
	}
	return trust
}

// VerifyDetached checks a binary signature over data by a key that was trusted
// at the time at, which is the store's, and returns the signer's fingerprint.
// It fails with failure.Corrupt when the signature is not good, and with
// failure.IdentityMismatch when it is by a key that is not trusted then.
func (t Trust) VerifyDetached(data, signature []byte, at time.Time) (string, error) {
	return t.verify(data, signature, packet.SigTypeBinary, at)
}

func (t Trust) verify(data, signature []byte, kind packet.SignatureType, at time.Time) (string, error) {
	sig, err := parseSignature(signature)
	if err != nil {
		return "", err
	}
	if sig.SigType != kind || (sig.Hash != crypto.SHA256 && sig.Hash != crypto.SHA384 && sig.Hash != crypto.SHA512) {
		return "", failure.New(failure.Corrupt, "signature has type %#x and hash %v, which are not accepted", sig.SigType, sig.Hash)
	}
	key, owner := t.find(sig, at)
	if key == nil {
		return "", failure.New(failure.IdentityMismatch, "signature is by a key not trusted at %s", at.UTC().Format(time.RFC3339)).
			WithHint("compare with the plan's host keys and their validity windows")
	}
	h, err := sig.PrepareVerify()
	if err != nil {
		return "", failure.Wrap(failure.Corrupt, err, "prepare signature check")
	}
	h.Write(data)
	if err := key.VerifySignature(h, sig); err != nil {
		return "", failure.Wrap(failure.Corrupt, err, "check signature by %s", owner.Fingerprint())
	}
	return owner.Fingerprint(), nil
}

func parseSignature(raw []byte) (*packet.Signature, error) {
	r := bytes.NewReader(raw)
	next, err := packet.Read(r)
	if err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read signature")
	}
	sig, ok := next.(*packet.Signature)
	if !ok || r.Len() != 0 {
		return nil, failure.New(failure.Corrupt, "want exactly one signature packet")
	}
	return sig, nil
}

// find returns the (sub)key that made sig if its owner was trusted at the time at.
func (t Trust) find(sig *packet.Signature, at time.Time) (*packet.PublicKey, PublicKey) {
	for _, trusted := range t {
		outside := (!trusted.NotBefore.IsZero() && at.Before(trusted.NotBefore)) ||
			(!trusted.NotAfter.IsZero() && at.After(trusted.NotAfter))
		if outside || trusted.Key.entity == nil {
			continue
		}
		entity := trusted.Key.entity
		if sig.CheckKeyIdOrFingerprint(entity.PrimaryKey) {
			return entity.PrimaryKey, trusted.Key
		}
		for _, sub := range entity.Subkeys {
			// Only subkeys that the primary key says may sign.
			if sub.Sig != nil && sub.Sig.FlagSign && sig.CheckKeyIdOrFingerprint(sub.PublicKey) {
				return sub.PublicKey, trusted.Key
			}
		}
	}
	return nil, PublicKey{}
}
