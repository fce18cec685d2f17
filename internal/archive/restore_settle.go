package archive

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// syncParallel is how many files are synced at once: disks merge them.
const syncParallel = 16

// settle removes what is extra where that was asked for, sets owners, modes and
// times, and returns when everything is on disk.
func (r *restore) settle(ctx context.Context) error {
	if r.cfg.RemoveExtra {
		if err := r.removeExtra(); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(syncParallel)
	for _, entry := range r.entries {
		if entry.Type == TypeDirectory || r.last[entry.Path] {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := r.seal(entry)
			r.meter.add(0, 1, 0)
			return failure.Wrap(classOfFile(err), err, "finish %q", entry.Path)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, m := range r.target.roots() {
		if err := syncTree(m, "."); err != nil {
			return failure.Wrap(classOfFile(err), err, "sync %s", m.root.Name())
		}
	}
	if err := r.settleDirectories(); err != nil {
		return err
	}
	return r.target.sync()
}

// settleDirectories goes deepest first: a directory's mode may forbid entering it.
func (r *restore) settleDirectories() error {
	for _, entry := range slices.Backward(r.entries) {
		if entry.Type != TypeDirectory || r.holdsLast(entry.Path) {
			continue
		}
		if err := r.seal(entry); err != nil {
			return failure.Wrap(classOfFile(err), err, "finish %q", entry.Path)
		}
	}
	return nil
}

// holdsLast reports whether a file that is written last lies in the directory.
func (r *restore) holdsLast(dir string) bool {
	for name := range r.last {
		if dir == "." || strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// seal gives one entry its owner, mode, extended attributes and time, where it has others, and syncs it
// where the sync of its file system does not. What is as it should be stays
// untouched: a changed time alone would cost a journal commit.
func (r *restore) seal(entry *Entry) error {
	m, name := r.target.at(entry.Path)
	if entry.Type == TypeSymlink {
		return r.own(entry, func() error { return m.root.Lchown(name, entry.UID, entry.GID) })
	}
	file, err := openAnyway(m.root, name)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	uid, gid := ownerOf(info)
	owned := uid == entry.UID && gid == entry.GID
	if !owned {
		err = r.own(entry, func() error { return file.Chown(entry.UID, entry.GID) })
	}
	if !owned || unixMode(info.Mode()) != entry.Mode { // a new owner clears the set-ID bits
		err = errors.Join(err, file.Chmod(goMode(entry.Mode)))
	}
	err = errors.Join(err, r.sealXattrs(entry, file))
	if !info.ModTime().Equal(entry.ModTime) {
		err = errors.Join(err, m.root.Chtimes(name, time.Time{}, entry.ModTime))
	}
	if !m.durable.covers(info) {
		err = errors.Join(err, file.Sync())
	}
	return errors.Join(err, file.Close())
}

// openAnyway opens what a restored mode may already forbid to open.
func openAnyway(root *os.Root, name string) (*os.File, error) {
	file, err := root.Open(name)
	if !errors.Is(err, fs.ErrPermission) {
		return file, err
	}
	if err := root.Chmod(name, 0o700); err != nil {
		return nil, err
	}
	return root.Open(name)
}

// own applies the owner: only root can, and others get their own files.
func (r *restore) own(entry *Entry, chown func() error) error {
	if os.Geteuid() != 0 || entry.UID < 0 || entry.GID < 0 {
		return nil
	}
	return chown()
}

// syncTree syncs the directories that the sync of the root's file system does not.
func syncTree(m mount, dir string) error {
	return fs.WalkDir(m.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil || m.durable.covers(info) {
			return err
		}
		f, err := m.root.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// writeHeld writes the files named Last, when all else is on disk, and only then
// closes the directories they are in.
func (r *restore) writeHeld(ctx context.Context) error {
	for _, entry := range r.entries {
		if entry.Type != TypeFile || !r.last[entry.Path] {
			continue
		}
		if err := r.writeLast(ctx, entry); err != nil {
			return failure.Wrap(classOfFile(err), err, "write %q", entry.Path)
		}
	}
	for _, entry := range slices.Backward(r.entries) {
		if entry.Type == TypeDirectory && r.holdsLast(entry.Path) {
			if err := r.seal(entry); err != nil {
				return failure.Wrap(classOfFile(err), err, "finish %q", entry.Path)
			}
		}
	}
	return r.target.sync()
}

// writeLast replaces one file: it is the old one or the new one, never a mixture,
// and with ReadBack never one that the disk holds otherwise.
func (r *restore) writeLast(ctx context.Context, entry *Entry) error {
	root, name := r.target.resolve(entry.Path)
	temp := path.Join(parentOf(name), ".holdfast-last")
	if err := clearPath(root, temp, TypeSymlink); err != nil {
		return err
	}
	file, err := openForWrite(root, temp)
	if err != nil {
		return err
	}
	err = file.Truncate(entry.SizeBytes)
	for _, part := range r.held.parts {
		if part.entry == entry && err == nil {
			_, err = file.WriteAt(part.data, part.slice.Offset)
		}
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if r.cfg.ReadBack {
		if err := r.readBack(ctx, root, temp, entry); err != nil {
			return err
		}
	}
	if err := clearPath(root, name, TypeFile); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	r.meter.add(0, 1, 0)
	return r.seal(entry)
}

// removeExtra removes what is on disk and not in the set.
func (r *restore) removeExtra() error {
	keep := map[string]bool{".": true, markerName: true}
	for _, entry := range r.entries {
		for name := entry.Path; name != "." && !keep[name]; name = parentOf(name) {
			keep[name] = true
		}
	}
	for _, m := range r.target.roots() {
		err := fs.WalkDir(m.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			full := path.Join(m.path, name)
			if err != nil || keep[full] || name == "." {
				return err
			}
			r.result.Removed = append(r.result.Removed, full)
			if err := m.root.RemoveAll(name); err != nil {
				return err
			}
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return failure.Wrap(classOfFile(err), err, "remove what is not in the set")
		}
	}
	return nil
}

func parentOf(name string) string { return path.Dir(name) }
