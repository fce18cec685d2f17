package walship

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// target checks where PostgreSQL wants a file: somewhere directly in pg_wal.
func (f *Fetcher) target(path string) (string, error) {
	dir, name, err := inWALDir(f.settings, path)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// write puts content at target by rename, so that PostgreSQL never sees half a
// file. PostgreSQL makes it durable itself when it keeps it.
func (f *Fetcher) write(target string, content []byte) error {
	temporary := target + ".holdfast"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classFile(err, "remove leftover %s", temporary)
	}
	// 0600 is what PostgreSQL gives its own WAL files.
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return classFile(err, "write %s", temporary)
	}
	return f.publish(temporary, target)
}

// move delivers a prefetched file; across file systems it is copied.
func (f *Fetcher) move(ready, target string) error {
	err := f.publish(ready, target)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	content, err := readBounded(ready, int64(f.place.size))
	if err != nil {
		return err
	}
	if err := f.write(target, content); err != nil {
		return err
	}
	return classFile(os.Remove(ready), "remove %s", ready)
}

// publish gives the file to the owner of pg_wal, when we are root, and its name.
func (f *Fetcher) publish(from, target string) error {
	if os.Geteuid() == 0 {
		info, err := os.Stat(filepath.Dir(target))
		if err != nil {
			return classFile(err, "look at %s", filepath.Dir(target))
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := os.Lchown(from, int(owner.Uid), int(owner.Gid)); err != nil {
				return classFile(err, "give %s to its owner", from)
			}
		}
	}
	return classFile(os.Rename(from, target), "deliver %s", filepath.Base(target))
}
