package walship

import (
	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const maxKeyFileBytes = 1 << 20

// LoadKeys reads the key files that the settings name. source is nil on a host
// that may not read back what it archives.
func LoadKeys(s settings.Keys) (recipients keyring.Recipients, source keyring.KeySource, err error) {
	var public []keyring.PublicKey
	for _, path := range s.Recipients {
		text, err := readBounded(path, maxKeyFileBytes)
		if err != nil {
			return recipients, nil, failure.Wrap(failure.ClassOf(err), err, "read recipient")
		}
		keys, err := keyring.ParsePublicKeys(text)
		if err != nil {
			return recipients, nil, failure.Wrap(failure.ClassOf(err), err, "read recipient %s", path)
		}
		public = append(public, keys...)
	}
	if len(public) > 0 {
		if recipients, err = keyring.NewRecipients(public...); err != nil {
			return recipients, nil, err
		}
	}
	if s.Private == "" {
		return recipients, nil, nil
	}
	source, err = loadPrivate(s)
	return recipients, source, err
}

func loadPrivate(s settings.Keys) (keyring.KeySource, error) {
	text, err := readBounded(s.Private, maxKeyFileBytes)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read private key")
	}
	passphrase, err := config.Resolve(s.Passphrase)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "resolve keys.passphrase")
	}
	keys, err := keyring.ParsePrivateKeys(text, []byte(passphrase.Reveal()))
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "read private key %s", s.Private)
	}
	return keyring.NewPrivate(keys...), nil
}
