package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// maxKeyFileBytes bounds what is read as a key file.
const maxKeyFileBytes = 1 << 20

// PublicKey is one OpenPGP public key with its subkeys.
type PublicKey struct{ entity *openpgp.Entity }

// PrivateKey is one OpenPGP private key, unlocked. It never prints.
type PrivateKey struct{ entity *openpgp.Entity }

// Generate makes a Curve25519 key that signs and decrypts, readable by GnuPG.
// It takes well under a millisecond.
func Generate(name, email string) (PrivateKey, error) {
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519}
	entity, err := openpgp.NewEntity(name, "", email, config)
	if err != nil {
		return PrivateKey{}, failure.Wrap(failure.InvalidInput, err, "generate key for %.80q", name)
	}
	return PrivateKey{entity}, nil
}

// ParsePublicKeys reads armored or binary public keys.
func ParsePublicKeys(data []byte) ([]PublicKey, error) {
	entities, err := readEntities(data)
	if err != nil {
		return nil, err
	}
	keys := make([]PublicKey, len(entities))
	for i, entity := range entities {
		keys[i] = PublicKey{entity}
	}
	return keys, nil
}

// ParsePrivateKeys reads armored or binary private keys. passphrase may be nil
// for keys that are not protected.
func ParsePrivateKeys(data, passphrase []byte) ([]PrivateKey, error) {
	entities, err := readEntities(data)
	if err != nil {
		return nil, err
	}
	keys := make([]PrivateKey, 0, len(entities))
	for _, entity := range entities {
		if err := unlock(entity, passphrase); err != nil {
			return nil, err
		}
		keys = append(keys, PrivateKey{entity})
	}
	return keys, nil
}

func unlock(entity *openpgp.Entity, passphrase []byte) error {
	public := PublicKey{entity}
	if entity.PrivateKey == nil {
		return failure.Invalid("private_key", "%s is a public key", public.Fingerprint()).
			WithHint("gpg --export-secret-keys --armor %s", public.Fingerprint())
	}
	if err := entity.DecryptPrivateKeys(passphrase); err != nil {
		return failure.Wrap(failure.InvalidInput, err, "unlock private key %s", public.Fingerprint())
	}
	return nil
}

func readEntities(data []byte) (openpgp.EntityList, error) {
	if len(data) > maxKeyFileBytes {
		return nil, failure.Invalid("key", "is larger than %d bytes", maxKeyFileBytes)
	}
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")) {
		read = openpgp.ReadArmoredKeyRing
	}
	entities, err := read(bytes.NewReader(data))
	if err != nil {
		return nil, failure.Wrap(failure.InvalidInput, err, "read OpenPGP keys")
	}
	if len(entities) == 0 {
		return nil, failure.Invalid("key", "holds no OpenPGP key").WithHint("gpg --export --armor <fingerprint>")
	}
	return entities, nil
}

// Fingerprint returns the primary key's fingerprint in upper-case hexadecimal,
// as gpg prints it.
func (k PublicKey) Fingerprint() string {
	return strings.ToUpper(hex.EncodeToString(k.entity.PrimaryKey.Fingerprint))
}

// UserID returns the primary user ID, or "".
func (k PublicKey) UserID() string {
	if identity := k.entity.PrimaryIdentity(); identity != nil {
		return identity.Name
	}
	return ""
}

// Line returns the public key as one line of base64, as a plan holds it:
// gpg --export FINGERPRINT | base64 -w0.
func (k PublicKey) Line() (string, error) {
	var out bytes.Buffer
	if err := k.entity.Serialize(&out); err != nil {
		return "", failure.Wrap(failure.Internal, err, "encode public key %s", k.Fingerprint())
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// ParseLine reads what Line writes.
func ParseLine(line string) (PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return PublicKey{}, failure.Invalid("key", "is not base64").WithHint("gpg --export FINGERPRINT | base64 -w0")
	}
	keys, err := ParsePublicKeys(raw)
	if err != nil {
		return PublicKey{}, err
	}
	if len(keys) != 1 {
		return PublicKey{}, failure.Invalid("key", "holds %d keys instead of one", len(keys))
	}
	return keys[0], nil
}

// Armored returns the public key as text for gpg --import.
func (k PublicKey) Armored() (string, error) {
	return armored(openpgp.PublicKeyType, k.entity.Serialize)
}

// Public returns the public half.
func (k PrivateKey) Public() PublicKey { return PublicKey(k) }

// Armored returns the private key, unprotected, as text for gpg --import. The
// caller keeps it in a file only its owner reads.
func (k PrivateKey) Armored() (string, error) {
	return armored(openpgp.PrivateKeyType, func(w io.Writer) error {
		return k.entity.SerializePrivateWithoutSigning(w, nil)
	})
}

// String implements fmt.Stringer without showing the key.
func (k PrivateKey) String() string { return "private key " + k.Public().Fingerprint() + " (redacted)" }

// GoString implements fmt.GoStringer without showing the key.
func (k PrivateKey) GoString() string { return k.String() }

func armored(kind string, serialize func(io.Writer) error) (string, error) {
	var text bytes.Buffer
	w, err := armor.Encode(&text, kind, nil)
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "armor key")
	}
	if err := serialize(w); err != nil {
		return "", failure.Wrap(failure.Internal, err, "serialize key")
	}
	if err := w.Close(); err != nil {
		return "", failure.Wrap(failure.Internal, err, "armor key")
	}
	return text.String() + "\n", nil
}

// encryptionKey returns the subkey to encrypt to at time now.
func (k PublicKey) encryptionKey(now time.Time) (*packet.PublicKey, error) {
	key, ok := k.entity.EncryptionKey(now)
	if !ok {
		return nil, failure.Invalid("recipient", "%s has no valid encryption key (expired, revoked or sign-only)", k.Fingerprint()).
			WithHint("gpg --edit-key %s expire", k.Fingerprint())
	}
	return key.PublicKey, nil
}
