package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// XattrLeft is an attribute that could not be made what the set has.
type XattrLeft struct {
	Path string
	Name string
	Why  string
}

// maxXattrsLeft bounds what Result lists; Result.XattrsUnset counts all.
const maxXattrsLeft = 1000

// leftXattrs collects what a best-effort restore could not set.
type leftXattrs struct {
	mu    sync.Mutex
	seen  int64
	first []XattrLeft
}

func (l *leftXattrs) add(one XattrLeft) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen++; len(l.first) < maxXattrsLeft {
		l.first = append(l.first, one)
	}
}

// sealXattrs makes a file's attributes, of the names that the set keeps, what
// its entry has; others stay as they are. It comes after owner and mode, as a new
// owner clears security.capability. Twice is harmless: what is right is not touched.
func (r *restore) sealXattrs(entry *Entry, file *os.File) error {
	if len(r.manifest.Xattrs) == 0 {
		return nil
	}
	// Without privilege, user.* need a mode that lets one read and write, as content does.
	loosened := os.Geteuid() != 0 && entry.Mode&0o600 != 0o600
	if loosened {
		if err := file.Chmod(goMode(entry.Mode | 0o600)); err != nil {
			return err
		}
	}
	changed, err := r.repairXattrs(entry, file)
	if loosened || changed { // an access control list is a mode too
		err = errors.Join(err, file.Chmod(goMode(entry.Mode)))
	}
	return err
}

func (r *restore) repairXattrs(entry *Entry, file *os.File) (changed bool, err error) {
	found, err := readXattrs(file, r.manifest.Xattrs)
	if err != nil {
		return false, err
	}
	for _, x := range found {
		if findXattr(entry.Xattrs, x.Name) != nil {
			continue
		}
		changed = true
		if err := r.judgeXattr(entry, x.Name, "remove", removeXattr(file, x.Name)); err != nil {
			return changed, err
		}
	}
	// Backwards, so that user.* are set before an access control list may forbid it.
	for _, x := range slices.Backward(entry.Xattrs) {
		if there := findXattr(found, x.Name); there != nil && bytes.Equal(there.Value, x.Value) {
			continue
		}
		changed = true
		if err := r.judgeXattr(entry, x.Name, "set", setXattr(file, x)); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func findXattr(xattrs []Xattr, name string) *Xattr {
	i := slices.IndexFunc(xattrs, func(x Xattr) bool { return x.Name == name })
	if i < 0 {
		return nil
	}
	return &xattrs[i]
}

// judgeXattr passes a failure on, naming file and attribute, or notes it where
// the configuration says best effort.
func (r *restore) judgeXattr(entry *Entry, name, verb string, err error) error {
	switch {
	case err == nil:
		return nil
	case r.cfg.BestEffortXattrs && cannotHold(err):
		r.leftover.add(XattrLeft{Path: entry.Path, Name: name, Why: err.Error()})
		return nil
	}
	class := classOfFile(err)
	if class == failure.Unknown && cannotHold(err) {
		class = failure.Forbidden
	}
	return &failure.Error{
		Class: class, Cause: err, Message: fmt.Sprintf("%s extended attribute %q of %q", verb, name, entry.Path),
		Hint: "security.* and trusted.* need root, and the file system must know the attribute and have room for it: findmnt --target " + r.cfg.Target,
	}
}
