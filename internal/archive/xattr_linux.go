package archive

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// requireXattrs refuses names that this process would be told nothing of: Linux
// shows trusted.* only to CAP_SYS_ADMIN, and to others as if there were none.
func requireXattrs(names xattrNames) error {
	if !names.within("trusted.") {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // version 3 has 64 capabilities in two words
	if err := unix.Capget(&header, &data[0]); err != nil {
		return failure.Wrap(failure.Unknown, err, "ask for this process's capabilities")
	}
	if data[0].Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return failure.New(failure.Forbidden, "trusted.* attributes are hidden from a process without CAP_SYS_ADMIN").
			WithHint("back up as root, or do not ask for trusted.*")
	}
	return nil
}

// readXattrs returns a file's attributes of the given names, ascending. A file
// system that knows none has none.
func readXattrs(file *os.File, names xattrNames) ([]Xattr, error) {
	list, err := whole(maxXattrValueBytes, func(into []byte) (int, error) { return unix.Flistxattr(int(file.Fd()), into) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("flistxattr", err)
	}
	var found []Xattr
	for raw := range bytes.SplitSeq(list, []byte{0}) {
		name := string(raw)
		if !names.match(name) {
			continue
		}
		value, err := whole(maxXattrValueBytes, func(into []byte) (int, error) { return unix.Fgetxattr(int(file.Fd()), name, into) })
		if errors.Is(err, unix.ENODATA) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, failure.Wrap(classOfFile(err), err, "get extended attribute %s", name)
		}
		found = append(found, Xattr{Name: name, Value: value})
	}
	sortXattrs(found)
	return found, nil
}

// whole returns what read puts into a buffer: a small one first, then the largest
// that Linux fills (XATTR_SIZE_MAX and XATTR_LIST_MAX).
func whole(most int, read func(into []byte) (int, error)) ([]byte, error) {
	const usual = 512
	buf := make([]byte, usual)
	n, err := read(buf)
	if errors.Is(err, unix.ERANGE) {
		buf = make([]byte, most)
		n, err = read(buf)
	}
	if err != nil {
		return nil, err
	}
	return buf[:n:n], nil
}

func setXattr(file *os.File, x Xattr) error {
	return os.NewSyscallError("fsetxattr", unix.Fsetxattr(int(file.Fd()), x.Name, x.Value, 0))
}

// removeXattr is content with an attribute that is gone already.
func removeXattr(file *os.File, name string) error {
	if err := unix.Fremovexattr(int(file.Fd()), name); !errors.Is(err, unix.ENODATA) {
		return os.NewSyscallError("fremovexattr", err)
	}
	return nil
}

// cannotHold reports whether an attribute was refused by the target's file system,
// for its kind or its size, or for want of privilege: the bytes are well.
func cannotHold(err error) bool {
	for _, refusal := range []error{unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.E2BIG, unix.ENOSPC} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
