package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// target is where a restore writes: the main root, and one root for each mapped
// link that has content below it. Every path goes through os.Root, so no link on
// disk or in the set leads out.
type target struct {
	main   mount
	mounts []mount // longest path first
}

type mount struct {
	path    string // of the link in the set; "." for the main root
	dir     string // where it points after the restore
	root    *os.Root
	durable durable
}

func openTarget(cfg RestoreConfig, entries []*Entry) (_ *target, err error) {
	t := &target{}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.main, err = openMount(".", cfg.Target); err != nil {
		return nil, err
	}
	for _, link := range linksWithContent(entries) {
		dir := cfg.Map[link]
		if !filepath.IsAbs(dir) {
			return nil, failure.Invalid("map", "link %q has files below it and needs an absolute directory to go to", link).
				WithHint("--map %s=<directory>", link)
		}
		m, err := openMount(link, dir)
		if err != nil {
			return nil, err
		}
		t.mounts = append(t.mounts, m)
	}
	slices.SortFunc(t.mounts, func(a, b mount) int { return len(b.path) - len(a.path) })
	return t, nil
}

func openMount(path, dir string) (mount, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return mount{}, failure.Wrap(classOfFile(err), err, "make directory %s", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return mount{}, failure.Wrap(classOfFile(err), err, "open directory %s", dir)
	}
	durable, err := newDurable(root)
	if err != nil {
		return mount{}, failure.Wrap(classOfFile(err), errors.Join(err, root.Close()), "open directory %s", dir)
	}
	return mount{path: path, dir: dir, root: root, durable: durable}, nil
}

// linksWithContent returns the links that other entries lie below.
func linksWithContent(entries []*Entry) []string {
	links, used := map[string]bool{}, map[string]bool{}
	for _, entry := range entries {
		if entry.Type == TypeSymlink {
			links[entry.Path] = true
		}
		for parent := entry.Path; strings.Contains(parent, "/"); {
			parent = parent[:strings.LastIndexByte(parent, '/')]
			if links[parent] { // parents sort first
				used[parent] = true
			}
		}
	}
	names := make([]string, 0, len(used))
	for name := range used {
		names = append(names, name)
	}
	return names
}

// at returns the root a path is under, and the path within it.
func (t *target) at(name string) (mount, string) {
	for _, m := range t.mounts {
		if rest, below := strings.CutPrefix(name, m.path+"/"); below {
			return m, rest
		}
	}
	return t.main, name
}

// resolve is at for those who need only the directory.
func (t *target) resolve(name string) (*os.Root, string) {
	m, within := t.at(name)
	return m.root, within
}

// roots yields every root with the path it has in the set.
func (t *target) roots() []mount { return append([]mount{t.main}, t.mounts...) }

// sync returns when all that was written is on disk.
func (t *target) sync() error {
	for _, m := range t.roots() {
		if err := m.durable.all(); err != nil {
			return failure.Wrap(classOfFile(err), err, "sync the file system of %s", m.root.Name())
		}
	}
	return nil
}

// empty reports whether nothing is there but the names in ignore.
func (t *target) empty(ignore ...string) (bool, error) {
	for _, m := range t.roots() {
		entries, err := fs.ReadDir(m.root.FS(), ".")
		if err != nil {
			return false, failure.Wrap(classOfFile(err), err, "read %s", m.root.Name())
		}
		for _, entry := range entries {
			if !slices.Contains(ignore, entry.Name()) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (t *target) close() {
	for _, m := range t.roots() {
		m.durable.close()
		if m.root != nil {
			_ = m.root.Close() // only a directory handle
		}
	}
}

// clearPath removes whatever stands at a path and is not of the wanted type.
func clearPath(root *os.Root, name string, want EntryType) error {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if typeOf(info) == want && want != TypeSymlink {
		return nil
	}
	return root.RemoveAll(name)
}

// unshare removes a file that has other names: what is written to it would be written
// to them, in the target or outside it.
func unshare(root *os.Root, name string) error {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || !linked(info):
		return err
	}
	return root.Remove(name)
}

func typeOf(info fs.FileInfo) EntryType {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return TypeFile
	case mode.IsDir():
		return TypeDirectory
	case mode&fs.ModeSymlink != 0:
		return TypeSymlink
	}
	return "" // a socket, pipe or device: nothing a set holds
}
