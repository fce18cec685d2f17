package walship

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// classFile wraps an error of the local file system.
func classFile(err error, format string, args ...any) error {
	class := failure.Unknown
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		class = failure.NotFound
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		class = failure.Forbidden
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		class = failure.InsufficientSpace
	case errors.Is(err, syscall.EIO):
		class = failure.Unavailable
	}
	return failure.Wrap(class, err, format, args...)
}

// readBounded reads a whole file of at most maxBytes.
func readBounded(path string, maxBytes int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, classFile(err, "open %s", path)
	}
	defer func() { _ = file.Close() }() // only read
	return readFile(file, path, maxBytes)
}

// readFile is readAllBounded for a file, whose size says how much memory it takes.
func readFile(file *os.File, what string, maxBytes int64) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, classFile(err, "look at %s", what)
	}
	content := bytes.NewBuffer(make([]byte, 0, min(max(info.Size(), 0), maxBytes)+bytes.MinRead))
	if _, err := content.ReadFrom(io.LimitReader(file, maxBytes+1)); err != nil {
		return nil, classFile(err, "read %s", what)
	}
	return within(content.Bytes(), what, maxBytes)
}

func readAllBounded(r io.Reader, what string, maxBytes int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, classFile(err, "read %s", what)
	}
	return within(content, what, maxBytes)
}

func within(content []byte, what string, maxBytes int64) ([]byte, error) {
	if int64(len(content)) > maxBytes {
		return nil, failure.New(failure.Corrupt, "%s is longer than %d bytes", what, maxBytes)
	}
	return content, nil
}

// writeDurably replaces the file at path by content: temporary file, fsync,
// rename, fsync of the directory. After a crash the old or the new is there. What
// could not be written takes no space: on a full disk it would be what fills it.
func writeDurably(path string, content []byte) error {
	temporary := path + ".tmp"
	if err := writeSynced(temporary, content); err != nil {
		if leftover := os.Remove(temporary); leftover != nil && !errors.Is(leftover, fs.ErrNotExist) {
			return errors.Join(err, classFile(leftover, "remove %s", temporary))
		}
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return classFile(err, "write %s", path)
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return classFile(err, "create %s", path)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return classFile(errors.Join(err, file.Close()), "write %s", path)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return classFile(err, "open %s", path)
	}
	return classFile(errors.Join(dir.Sync(), dir.Close()), "sync %s", path)
}

// emptyDir makes dir exist and hold nothing.
func emptyDir(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return classFile(err, "empty %s", dir)
	}
	return classFile(os.MkdirAll(dir, 0o700), "create %s", dir)
}
