package binding

import (
	"io"
	"os"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
)

const maxKeyFileBytes = 1 << 20

// Recipients reads the public keys that backups are encrypted to.
func Recipients(p *plan.Plan) (keyring.Recipients, error) {
	var keys []keyring.PublicKey
	for _, recipient := range p.Encryption.Recipients {
		text, err := readKeyFile(recipient.PublicKeyFile)
		if err != nil {
			return keyring.Recipients{}, failure.Wrap(failure.ClassOf(err), err, "read the public key of recipient %s", recipient.Name)
		}
		public, err := keyring.ParsePublicKeys(text)
		if err != nil {
			return keyring.Recipients{}, failure.Wrap(failure.ClassOf(err), err, "read the public key of recipient %s", recipient.Name)
		}
		keys = append(keys, public...)
	}
	return keyring.NewRecipients(keys...)
}

// Trust returns the signing keys of the plan's hosts with their validity.
func Trust(p *plan.Plan) (keyring.Trust, error) {
	var trust keyring.Trust
	for _, site := range p.Sites {
		for _, host := range site.Hosts {
			for _, key := range host.SigningKeys {
				public, err := keyring.ParseLine(key.Key)
				if err != nil {
					return nil, failure.Wrap(failure.InvalidInput, err, "read a signing key of host %s", host.Name)
				}
				trust = append(trust, keyring.Trusted{Key: public, NotBefore: key.ValidFrom.Time(), NotAfter: key.ValidUntil.Time()})
			}
		}
	}
	if len(trust) == 0 {
		return nil, failure.Invalid("sites.hosts.signing_keys", "no host has a signing key: no backup could be believed").
			WithHint("starter key generate --host NAME prints one for the plan")
	}
	return trust, nil
}

// Signer reads this host's own signing key.
func Signer(path string) (keyring.Signer, error) {
	keys, err := privateKeys(path, "")
	if err != nil {
		return keyring.Signer{}, err
	}
	return keyring.NewSigner(keys[0])
}

// KeyHolder reads the private keys that open backups. passphrase is a secret
// reference and may be empty.
func KeyHolder(path, passphrase string) (keyring.KeySource, error) {
	keys, err := privateKeys(path, passphrase)
	if err != nil {
		return nil, err
	}
	return keyring.NewPrivate(keys...), nil
}

func privateKeys(path, passphrase string) ([]keyring.PrivateKey, error) {
	// As a secret, so that a file others can read is refused.
	text, err := config.Resolve("file:" + path)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read private key %s", path)
	}
	phrase, err := config.Resolve(passphrase)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read the passphrase of %s", path)
	}
	keys, err := keyring.ParsePrivateKeys([]byte(text.Reveal()), []byte(phrase.Reveal()))
	return keys, failure.Wrap(failure.ClassOf(err), err, "read private key %s", path)
}

func readKeyFile(path string) ([]byte, error) {
	file, err := os.Open(path) // #nosec G304 -- the plan names it
	if err != nil {
		return nil, failure.Wrap(failure.NotFound, err, "open key file")
	}
	defer func() { _ = file.Close() }() // read only: nothing can be lost
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFileBytes+1))
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "read %s", path)
	}
	if len(text) > maxKeyFileBytes {
		return nil, failure.Invalid("public_key_file", "%s is larger than %d bytes", path, maxKeyFileBytes)
	}
	return text, nil
}
