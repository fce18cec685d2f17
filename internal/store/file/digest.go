package file

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/terragonlabs/holdfast/internal/store"
)

// digestLineBytes bounds a digest file: 64 digits, two spaces, a key, a line end.
const digestLineBytes = 64 + 2 + 2*store.MaxKeyBytes + 1

// writeDigest records the digest of key, synced. The caller holds the key's lock.
func (s *Store) writeDigest(key string, digest store.Digest) error {
	target := s.digestPath(key)
	if err := s.makeParents(target); err != nil {
		return s.belowObject(err, key)
	}
	temp := path.Join(tempDir, rand.Text())
	line := digest.String() + "  " + s.prefix + key + "\n"
	err := s.writeSynced(temp, []byte(line))
	if err == nil {
		err = s.root.Rename(temp, target)
	}
	if err == nil {
		err = s.syncDir(path.Dir(target))
	}
	if err != nil {
		return errors.Join(wrap(err, "record digest of %s in store %s", key, s.name), s.discard(temp))
	}
	return nil
}

func (s *Store) writeSynced(name string, content []byte) error {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o400)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readDigest returns the recorded digest, or zero when none is recorded: the
// objects were copied here without their digests.
func (s *Store) readDigest(key string) (store.Digest, error) {
	f, err := s.root.Open(s.digestPath(key))
	if errors.Is(err, fs.ErrNotExist) {
		return store.Digest{}, nil
	}
	if err != nil {
		return store.Digest{}, wrap(err, "open digest of %s in store %s", key, s.name)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	line, err := io.ReadAll(io.LimitReader(f, digestLineBytes))
	if err != nil {
		return store.Digest{}, wrap(err, "read digest of %s in store %s", key, s.name)
	}
	const digits = 64
	if len(line) < digits {
		return store.Digest{}, corruptDigest(s.name, key)
	}
	digest, err := store.ParseDigest(string(line[:digits]))
	if err != nil || digest.IsZero() {
		return store.Digest{}, corruptDigest(s.name, key)
	}
	return digest, nil
}
