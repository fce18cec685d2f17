package pg

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Owner is the operating-system user a data directory belongs to.
type Owner struct {
	UID, GID uint32
}

// OwnerOf returns the owner of dir. Errors: NotFound; Refused when this process
// is root and so is the owner, since PostgreSQL does not run as root.
func OwnerOf(dir string) (Owner, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return Owner{}, ClassifyFile(err, "find the owner of %s", dir)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}, failure.New(failure.Internal, "find the owner of %s: no owner on this system", dir)
	}
	owner := Owner{UID: stat.Uid, GID: stat.Gid}
	if owner.Switches() && owner.UID == 0 {
		return Owner{}, failure.New(failure.Refused, "%s belongs to root, and PostgreSQL does not run as root", dir).
			WithHint("chown -R postgres: %s", dir)
	}
	return owner, nil
}

// Switches reports whether programs must change user: this process is root.
func (o Owner) Switches() bool { return os.Geteuid() == 0 }

// Attributes returns what makes a child process run as the owner; as an
// ordinary user, nothing of the sort.
func (o Owner) Attributes() *syscall.SysProcAttr {
	if !o.Switches() {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: o.UID, Gid: o.GID}}
}

// Give hands path to the owner when this process is root. Running it twice
// changes nothing.
func (o Owner) Give(path string) error {
	if !o.Switches() {
		return nil
	}
	return ClassifyFile(os.Lchown(path, int(o.UID), int(o.GID)), "give %s to uid %d", path, o.UID)
}

// MkdirAll creates dir and its missing parents, each belonging to the owner,
// with mode 0700: a data directory others can read is one PostgreSQL refuses.
func (o Owner) MkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return failure.New(failure.Exists, "%s is not a directory", dir)
		}
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return ClassifyFile(err, "create %s", dir)
	}
	return o.Give(dir)
}

// WriteFile replaces path atomically and durably with content: a reader sees
// the old file or the new one, also after a crash. Running it twice changes
// nothing.
func (o Owner) WriteFile(path string, content []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return ClassifyFile(err, "write %s", path)
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // gone already after the rename
	if err := o.fill(temporary, content, mode); err != nil {
		return ClassifyFile(err, "write %s", path)
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return ClassifyFile(err, "write %s", path)
	}
	return SyncDir(filepath.Dir(path))
}

func (o Owner) fill(file *os.File, content []byte, mode fs.FileMode) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = o.Give(file.Name())
	}
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}
