package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

const (
	objectsDir = "objects"
	digestsDir = "sha256"
	tempDir    = "tmp"
	locksDir   = "locks"
	// leftoverAge is when a temporary file is no longer somebody's upload: its
	// modification time moves with every write.
	leftoverAge = 24 * time.Hour
)

// Config says where the store is.
type Config struct {
	Name   string // in the plan
	Dir    string // must exist: an unmounted disk must not pass for an empty store
	Prefix string // put before every key; may be empty
}

// Store is a directory store. See the package documentation.
type Store struct {
	name   string
	prefix string
	root   *os.Root // confines every path, also through symbolic links

	settled sync.Map             // directories whose own entry this Store has synced
	fsync   func(*os.File) error // of directories: (*os.File).Sync
}

var _ store.Store = (*Store)(nil)

// Open opens the directory, makes its folders where they are missing, and
// removes temporary files older than a day. Doing it twice changes nothing.
func Open(cfg Config) (*Store, error) {
	prefix := cfg.Prefix
	if prefix != "" {
		if err := store.CheckKey(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, wrap(err, "open store %s", cfg.Name).
			WithHint("mount the disk or create the directory %q of store %s", cfg.Dir, cfg.Name)
	}
	s := &Store{name: cfg.Name, prefix: prefix, root: root, fsync: (*os.File).Sync}
	for _, dir := range []string{objectsDir, digestsDir, tempDir, locksDir} {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return nil, errors.Join(wrap(err, "create %s in store %s", dir, cfg.Name), root.Close())
		}
	}
	if err := s.sweep(time.Now().Add(-leftoverAge)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// Close releases the directory.
func (s *Store) Close() error { return s.root.Close() }

// Name implements store.Store.
func (s *Store) Name() string { return s.name }

// Capabilities implements store.Store: no versions, no locks.
func (s *Store) Capabilities() store.Capabilities { return store.Capabilities{Provider: "file"} }

// ExtendLock implements store.Store. There are no locks here to extend.
func (s *Store) ExtendLock(_ context.Context, key, _ string, _ time.Time) error {
	return failure.New(failure.InvalidInput, "store %s keeps no locks: %s cannot be locked", s.name, key)
}

// sweep removes temporary files last written before the given time. Another
// process may sweep at the same time: what is gone already is fine.
func (s *Store) sweep(before time.Time) error {
	entries, err := fs.ReadDir(s.root.FS(), tempDir)
	if err != nil {
		return wrap(err, "read %s of store %s", tempDir, s.name)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && info.ModTime().Before(before) {
			err = s.root.Remove(path.Join(tempDir, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrap(err, "remove leftover %s in store %s", entry.Name(), s.name)
		}
	}
	return nil
}

func (s *Store) objectPath(key string) string { return objectsDir + "/" + s.prefix + key }
func (s *Store) digestPath(key string) string { return digestsDir + "/" + s.prefix + key }

// wrap classes an error of the file system.
func wrap(err error, format string, args ...any) *failure.Error {
	classed := failure.New(classOf(err), format, args...)
	classed.Cause, classed.Hint = err, failure.HintOf(err)
	return classed
}

func classOf(err error) failure.Class {
	var classed *failure.Error
	switch {
	case errors.As(err, &classed):
		return classed.Class
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return failure.NotFound
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.EISDIR):
		return failure.Exists
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return failure.Forbidden
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure.InsufficientSpace
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return failure.Unavailable
	default:
		return failure.Unknown
	}
}
