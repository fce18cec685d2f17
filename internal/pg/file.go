package pg

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// ClassifyFile wraps an error of the file system with its class; nil stays nil.
func ClassifyFile(err error, format string, args ...any) error {
	var classed *failure.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classed):
		return failure.Wrap(classed.Class, err, format, args...)
	case errors.Is(err, fs.ErrNotExist):
		return failure.Wrap(failure.NotFound, err, format, args...)
	case errors.Is(err, fs.ErrPermission):
		return failure.Wrap(failure.Forbidden, err, format, args...)
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return failure.Wrap(failure.Exists, err, format, args...)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure.Wrap(failure.InsufficientSpace, err, format, args...)
	case errors.Is(err, syscall.EIO):
		return failure.Wrap(failure.Corrupt, err, format, args...)
	}
	return failure.Wrap(failure.Unknown, err, format, args...)
}

// ReadSmall reads a file of at most limitBytes; a larger one is Corrupt.
func ReadSmall(path string, limitBytes int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, ClassifyFile(err, "read %s", path)
	}
	defer func() { _ = file.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(file, limitBytes+1))
	if err != nil {
		return nil, ClassifyFile(err, "read %s", path)
	}
	if int64(len(content)) > limitBytes {
		return nil, failure.New(failure.Corrupt, "%s is larger than %d bytes", path, limitBytes)
	}
	return content, nil
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return ClassifyFile(err, "sync %s", dir)
	}
	err = file.Sync()
	if closing := file.Close(); err == nil {
		err = closing
	}
	return ClassifyFile(err, "sync %s", dir)
}

// FreeBytes returns what an unprivileged user may still write to dir's file system.
func FreeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, ClassifyFile(err, "measure free space of %s", dir)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}
