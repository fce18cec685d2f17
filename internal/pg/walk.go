package pg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WalkFiles calls visit for every regular file below root/top with its
// slash-separated path relative to root, and follows the links in pg_tblspc, as
// PostgreSQL does, but no others. What vanishes meanwhile is passed over: a
// running server drops files at any time.
func WalkFiles(root, top string, visit func(path string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(filepath.Join(root, top))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ClassifyFile(err, "list %s", filepath.Join(root, top))
	}
	for _, entry := range entries {
		path := filepath.Join(top, entry.Name())
		info, err := statEntry(root, path, top == "pg_tblspc")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return ClassifyFile(err, "look at %s", path)
		}
		switch {
		case info.IsDir():
			err = WalkFiles(root, path, visit)
		case info.Mode().IsRegular():
			err = visit(filepath.ToSlash(path), info)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func statEntry(root, path string, follow bool) (fs.FileInfo, error) {
	if follow {
		return os.Stat(filepath.Join(root, path))
	}
	return os.Lstat(filepath.Join(root, path))
}
