package archive

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// stateDir returns the source's folder of local state, making it.
func stateDir(cfg Config) (string, error) {
	dir := filepath.Join(cfg.StateDir, cfg.Source)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", failure.Wrap(classOfFile(err), err, "make state folder")
	}
	return dir, nil
}

// replaceFile writes a file so that a crash leaves the old or the new one, whole.
func replaceFile(name string, content []byte) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return failure.Wrap(classOfFile(err), err, "write %s", name)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	if _, err = temp.Write(content); err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return failure.Wrap(classOfFile(err), err, "write %s", name)
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return failure.Wrap(classOfFile(err), err, "sync folder %s", dir)
	}
	err = errors.Join(d.Sync(), d.Close())
	return failure.Wrap(classOfFile(err), err, "sync folder %s", dir)
}

// Local state is signed with the host's own key, so that an index or journal
// somebody else wrote, or half wrote, is never believed.

// signLine returns payload with a signature in front: base64, a space, payload.
func signLine(payload []byte, signer keyring.Signer) ([]byte, error) {
	signature, err := signer.Detached(payload)
	if err != nil {
		return nil, err
	}
	line := base64.StdEncoding.AppendEncode(nil, signature)
	line = append(append(line, ' '), payload...)
	return append(line, '\n'), nil
}

// openLine reverses signLine.
func openLine(line []byte, own keyring.Trust) ([]byte, error) {
	encoded, payload, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return nil, failure.New(failure.Corrupt, "state line has no signature")
	}
	signature, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil {
		return nil, failure.Wrap(failure.Corrupt, err, "read state line")
	}
	_, err = own.VerifyDetached(payload, signature, time.Time{})
	return payload, err
}
