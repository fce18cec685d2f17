package file

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// lockStripes is how many keys may be published at once.
const lockStripes = 64

// lock takes the lock that key shares with a 64th of all keys, among goroutines
// and processes. It is held for a few syncs, never during a transfer, and the
// kernel releases it when the process dies.
func (s *Store) lock(key string) (unlock func() error, err error) {
	h := fnv.New32a()
	h.Write([]byte(key)) //nolint:errcheck // a hash does not fail
	name := path.Join(locksDir, fmt.Sprintf("%02x", h.Sum32()%lockStripes))
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, wrap(err, "open lock of %s in store %s", key, s.name)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	// A file system without flock still has link(2); see the package documentation.
	if err != nil && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOLCK) && !errors.Is(err, syscall.ENOSYS) {
		return nil, errors.Join(wrap(err, "lock %s in store %s", key, s.name), f.Close())
	}
	return f.Close, nil // closing releases the lock
}

// makeParents creates the directories above name and syncs each new entry, so
// that a power cut cannot take the directory and leave the acknowledgement. Of the
// directories that exist only the deepest may be somebody's who was killed before
// its entry was synced: whoever makes or puts something in one syncs its entry first.
func (s *Store) makeParents(name string) error {
	dir := path.Dir(name)
	info, err := s.root.Stat(dir)
	if err == nil && !info.IsDir() {
		return syscall.ENOTDIR
	}
	if err == nil {
		return s.syncEntryOnce(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.makeParents(dir); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.settled.Delete(dir) // of one that was there before, and removed by hand
	return s.syncEntryOnce(dir)
}

// syncEntryOnce makes it durable that the directory is there, unless this Store
// did so before: nothing removes directories.
func (s *Store) syncEntryOnce(dir string) error {
	if _, done := s.settled.Load(dir); done {
		return nil
	}
	if err := s.syncDir(path.Dir(dir)); err != nil {
		return err
	}
	s.settled.Store(dir, struct{}{})
	return nil
}

func (s *Store) syncDir(name string) error {
	dir, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(s.fsync(dir), dir.Close())
}

func corruptDigest(name, key string) error {
	return failure.New(failure.Corrupt, "recorded digest of %s in store %s is unreadable", key, name).
		WithHint("compare the object with another store's, then remove %s/%s", digestsDir, key)
}
