package place

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Move renames a directory and makes both parents durable, so that after a crash
// it is at one of the two names. A name that is taken is refused with Exists:
// rename(2) would replace an empty directory.
func Move(from, to string) error {
	if taken, err := Exists(to); err != nil || taken {
		return orTaken(err, from, to)
	}
	if err := os.Rename(from, to); err != nil {
		return pg.ClassifyFile(err, "move %s to %s", from, to)
	}
	if err := pg.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return pg.SyncDir(filepath.Dir(from))
}

func orTaken(err error, from, to string) error {
	if err != nil {
		return err
	}
	return failure.New(failure.Exists, "not moving %s to %s: that name is taken", from, to)
}

// Exists reports whether something, of whatever kind, has the name.
func Exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, pg.ClassifyFile(err, "look at %s", path)
}

// RequireDirectory refuses a link in a data directory's place: renaming would
// move the link and leave the data where it is.
func RequireDirectory(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return pg.ClassifyFile(err, "look at %s", path)
	}
	if !info.IsDir() {
		return failure.Invalid("data_dir", "%s is not a directory but a %s", path, info.Mode().Type()).
			WithHint("name the directory itself in the plan: readlink -f %s", path)
	}
	return nil
}

// RequireOneFileSystem proves that all paths lie on one file system, so that
// every move among them is one rename. Nothing is ever copied instead.
func RequireOneFileSystem(first string, others ...string) error {
	want, err := device(first)
	if err != nil {
		return err
	}
	for _, path := range others {
		got, err := device(path)
		if err != nil {
			return err
		}
		if got != want {
			return failure.Invalid("workspace", "%s and %s are on different file systems: one cannot be renamed to the other", first, path).
				WithHint("put the workspace on the file system of the data directory, below its mount point; nothing was moved")
		}
	}
	return nil
}

func device(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, pg.ClassifyFile(err, "find the file system of %s", path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, failure.New(failure.Internal, "find the file system of %s: not told on this system", path)
	}
	return uint64(stat.Dev), nil //nolint:unconvert // its type differs between systems
}

// Lock takes the lock of dataDir's directories until release is called or the
// process ends. A lock that is held is Unavailable: a late call waits its turn.
// The file stays: removing it would let two callers hold two locks.
func Lock(dataDir string) (release func(), err error) {
	path := dataDir + ".holdfast.lock"
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, pg.ClassifyFile(err, "open lock %s", path)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close() // nothing was written
		return nil, failure.Wrap(failure.Unavailable, err, "something else moves the directories of %s", dataDir)
	}
	return func() {
		// Unlocked by name: a child being started this instant shares the file.
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}, nil
}
