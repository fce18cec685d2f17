package archive

import (
	"cmp"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Xattr is one extended attribute of a file or directory (xattr(7)). An access
// control list is one too: system.posix_acl_access and system.posix_acl_default.
type Xattr struct {
	Name  string // with its namespace, such as user.checksum; any bytes but NUL
	Value []byte
}

const (
	maxXattrName       = 255       // XATTR_NAME_MAX of Linux
	maxXattrValueBytes = 64 << 10  // XATTR_SIZE_MAX of Linux
	maxXattrs          = 256       // of one entry
	maxEntryXattrBytes = 512 << 10 // names and values of one entry
	maxXattrNames      = 64        // asked for
)

// xattrNames say which attributes a set keeps: a name, or, ending in a dot, the
// beginning of names. Ascending, each once.
type xattrNames []string

// newXattrNames puts what was asked for in order.
func newXattrNames(asked []string) xattrNames {
	names := slices.Clone(asked)
	slices.Sort(names)
	return slices.Compact(names)
}

func (n xattrNames) validate() error {
	if len(n) > maxXattrNames {
		return failure.Invalid("xattrs", "has %d names, at most %d", len(n), maxXattrNames)
	}
	for i, name := range n {
		if err := checkXattrName(name); err != nil {
			return err
		}
		if i > 0 && n[i-1] >= name {
			return failure.Invalid("xattrs", "%q is out of order", name)
		}
	}
	return nil
}

// match reports whether the set keeps attributes of that name.
func (n xattrNames) match(name string) bool {
	return slices.ContainsFunc(n, func(one string) bool {
		return one == name || strings.HasSuffix(one, ".") && strings.HasPrefix(name, one)
	})
}

// within reports whether one of the names begins with a namespace.
func (n xattrNames) within(namespace string) bool {
	return slices.ContainsFunc(n, func(one string) bool { return strings.HasPrefix(one, namespace) })
}

func checkXattrName(name string) error {
	if len(name) > maxXattrName || strings.IndexByte(name, 0) >= 0 || strings.IndexByte(name, '.') < 1 {
		return failure.Invalid("xattrs", "%.300q is no attribute with its namespace, such as user.checksum, or user. for all of them", name)
	}
	return nil
}

// checkXattrs bounds the attributes of one entry and wants them ascending by
// name, each once, and among those that were asked for.
func checkXattrs(xattrs []Xattr, asked xattrNames) error {
	if len(xattrs) > maxXattrs {
		return failure.New(failure.InvalidInput, "has %d extended attributes, at most %d are kept", len(xattrs), maxXattrs)
	}
	total := 0
	for i, x := range xattrs {
		if err := checkXattrName(x.Name); err != nil {
			return err
		}
		if i > 0 && xattrs[i-1].Name >= x.Name || !asked.match(x.Name) {
			return failure.New(failure.InvalidInput, "extended attribute %q is out of order or was not asked for", x.Name)
		}
		if len(x.Value) > maxXattrValueBytes {
			return failure.New(failure.InvalidInput, "extended attribute %q has %d bytes, at most %d", x.Name, len(x.Value), maxXattrValueBytes)
		}
		total += len(x.Name) + len(x.Value)
	}
	if total > maxEntryXattrBytes {
		return failure.New(failure.InvalidInput, "has %d bytes of extended attributes, at most %d are kept", total, maxEntryXattrBytes)
	}
	return nil
}

func sortXattrs(xattrs []Xattr) {
	slices.SortFunc(xattrs, func(a, b Xattr) int { return cmp.Compare(a.Name, b.Name) })
}

// keepXattrs reads the attributes that were asked for into a file's entry.
func (w *Writer) keepXattrs(r *reading) (err error) {
	if len(w.cfg.Xattrs) == 0 {
		return nil
	}
	file, err := r.file.Root.OpenFile(r.file.name(), openToRead, 0)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only: nothing to lose
	if r.entry.Xattrs, err = readXattrs(file, w.cfg.Xattrs); err != nil {
		return err
	}
	return checkXattrs(r.entry.Xattrs, w.cfg.Xattrs)
}
