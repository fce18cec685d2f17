package main

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	scratchPrefix = "holdfast-bench-"
	// scratchFactor is how many times the database's size the work needs at most.
	scratchFactor = 12
)

// openScratch makes a directory for everything temporary, on a disk with enough
// space, and removes what a killed run left. The lock lives as long as the
// process and says that the directory is in use.
func openScratch(needBytes int64) (dir string, lock *os.File, err error) {
	parent := os.TempDir()
	var at unix.Statfs_t
	if err := unix.Statfs(parent, &at); err != nil {
		return "", nil, failure.Wrap(failure.NotFound, err, "look at %s", parent)
	}
	if at.Type == unix.TMPFS_MAGIC {
		return "", nil, failure.New(failure.InvalidInput, "%s is in memory, and disks are measured", parent).WithHint("set TMPDIR to a directory on a disk")
	}
	sweepScratch(parent)
	if free := int64(at.Bavail) * at.Bsize; free < needBytes {
		return "", nil, failure.New(failure.InvalidInput, "%s has %s free, %s may be needed", parent, sizeText(free), sizeText(needBytes)).
			WithHint("set TMPDIR to a larger disk, or -size to less")
	}
	if dir, err = os.MkdirTemp(parent, scratchPrefix); err != nil {
		return "", nil, failure.Wrap(failure.Forbidden, err, "make the scratch directory")
	}
	// Others may pass through, so that the servers' account reaches what is its own.
	if err := os.Chmod(dir, 0o711); err != nil {
		return dir, nil, failure.Wrap(failure.Forbidden, err, "open the scratch directory")
	}
	lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	return dir, lock, failure.Wrap(failure.Unavailable, err, "lock the scratch directory")
}

// sweepScratch removes this user's scratch directories whose process is gone.
func sweepScratch(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, scratchPrefix+"*", "lock")) // the pattern is well formed
	for _, path := range locks {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // another user's
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path)) // what stays takes space only, which is judged next
		}
		_ = file.Close() // nothing was written
	}
}
