package keyring

import (
	"bytes"
	"crypto"
	"hash"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Signer signs as one host.
type Signer struct {
	public  PublicKey
	private *packet.PrivateKey
}

// NewSigner returns a signer using key's signing (sub)key.
func NewSigner(key PrivateKey) (Signer, error) {
	if key.entity == nil {
		return Signer{}, failure.Invalid("signing_key", "is missing").WithHint("give the host an OpenPGP signing key")
	}
	signing, ok := key.entity.SigningKey(time.Now())
	if !ok || signing.PrivateKey == nil {
		return Signer{}, failure.Invalid("signing_key", "%s cannot sign (expired, revoked or encrypt-only)", key.Public().Fingerprint())
	}
	return Signer{public: key.Public(), private: signing.PrivateKey}, nil
}

// Public returns the key that verifies this signer's signatures.
func (s Signer) Public() PublicKey { return s.public }

func (s Signer) config() *packet.Config { return &packet.Config{DefaultHash: crypto.SHA512} }

// Detached returns a binary detached signature over data (gpg --verify sig data).
func (s Signer) Detached(data []byte) ([]byte, error) {
	one, err := s.OnePass()
	if err != nil {
		return nil, err
	}
	if _, err := one.Write(data); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "hash data")
	}
	return one.Signature()
}

// OnePass signs a stream that is written between its header and its signature.
type OnePass struct {
	signer Signer
	sig    *packet.Signature
	hash   hash.Hash
}

// OnePass begins a signature over bytes yet to be written.
func (s Signer) OnePass() (*OnePass, error) { return s.begin(packet.SigTypeBinary) }

func (s Signer) begin(kind packet.SignatureType) (*OnePass, error) {
	if s.private == nil {
		return nil, failure.Invalid("signing_key", "is missing")
	}
	sig := &packet.Signature{
		Version: s.private.Version, SigType: kind, PubKeyAlgo: s.private.PubKeyAlgo,
		Hash: crypto.SHA512, CreationTime: time.Now(), IssuerKeyId: &s.private.KeyId,
		IssuerFingerprint: s.private.Fingerprint,
	}
	h, err := sig.PrepareSign(s.config())
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "begin signature")
	}
	return &OnePass{signer: s, sig: sig, hash: h}, nil
}

// Header returns the one-pass packet that precedes the signed content.
func (o *OnePass) Header() ([]byte, error) {
	key := o.signer.private
	ops := &packet.OnePassSignature{
		Version: 3, SigType: o.sig.SigType, Hash: o.sig.Hash, PubKeyAlgo: key.PubKeyAlgo,
		KeyId: key.KeyId, IsLast: true,
	}
	if key.Version == 6 {
		ops.Version, ops.Salt, ops.KeyFingerprint = 6, o.sig.Salt(), key.Fingerprint
	}
	var out bytes.Buffer
	if err := ops.Serialize(&out); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "serialize one-pass header")
	}
	return out.Bytes(), nil
}

// Write adds content to what is signed.
func (o *OnePass) Write(p []byte) (int, error) { return o.hash.Write(p) }

// Signature returns the signature packet over everything written.
func (o *OnePass) Signature() ([]byte, error) {
	if err := o.sig.Sign(o.hash, o.signer.private, o.signer.config()); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "sign")
	}
	var out bytes.Buffer
	if err := o.sig.Serialize(&out); err != nil {
		return nil, failure.Wrap(failure.Internal, err, "serialize signature")
	}
	return out.Bytes(), nil
}
