package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// List implements store.Store. It reads the names of each directory it enters, and
// holds those in memory that the prefix lets pass, one directory per level. What is put or deleted meanwhile may or may not be seen. Digests are
// not listed.
func (s *Store) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield(store.Object{}, err)
			return
		}
		w := &walk{store: s, ctx: ctx, prefix: s.prefix + prefix, yield: yield}
		if opts.After != "" {
			w.after = s.prefix + opts.After
		}
		if err := w.directory(""); err != nil && !errors.Is(err, errStopped) {
			yield(store.Object{}, wrap(err, "list %q in store %s", prefix, s.name))
		}
	}
}

// errStopped says that the caller wants no more.
var errStopped = errors.New("listing stopped")

// walk visits objects/ in ascending byte order of whole keys.
type walk struct {
	store         *Store
	ctx           context.Context //nolint:containedctx // a walk is one call
	prefix, after string          // of the path below objects/
	yield         func(store.Object, error) bool
}

// entry is a name in a directory that the walk wants: of a directory with a slash
// behind it, as in keys, so that "a-b" < "a/c" < "a0".
type entry struct {
	name string // the path below objects/
	info fs.FileInfo
}

// directory visits dir, "" or a path below objects/ that ends in a slash.
func (w *walk) directory(dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := w.entries(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != "" {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, one := range entries {
		if one.info.IsDir() {
			err = w.directory(one.name)
		} else {
			err = w.object(one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// namesAtOnce bounds what is held of a directory whose names are not wanted.
const namesAtOnce = 4096

// entries returns what is wanted of dir, in no order. Most listings want one of
// very many names, a segment of a timeline's, so only those are looked at.
func (w *walk) entries(dir string) (wanted []entry, err error) {
	here, err := w.store.root.OpenRoot(strings.TrimSuffix(objectsDir+"/"+dir, "/"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = here.Close() }() // only read
	opened, err := here.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }() // only read
	for {
		names, reading := opened.Readdirnames(namesAtOnce)
		for _, name := range names {
			if wanted, err = w.consider(wanted, here, dir, name); err != nil {
				return nil, err
			}
		}
		if errors.Is(reading, io.EOF) {
			return wanted, nil
		}
		if reading != nil {
			return nil, reading
		}
	}
}

// consider adds the name in dir, which is here, to wanted if it is.
func (w *walk) consider(wanted []entry, here *os.Root, dir, base string) ([]entry, error) {
	name, folder := dir+base, dir+base+"/"
	within := strings.HasPrefix(folder, w.prefix) || strings.HasPrefix(w.prefix, folder)
	if !within || folder <= w.after && !strings.HasPrefix(w.after, folder) {
		return wanted, nil
	}
	info, err := here.Lstat(base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wanted, nil // removed meanwhile
	case err != nil:
		return wanted, failure.Wrap(classOf(err), err, "stat %s", name)
	case info.IsDir():
		return append(wanted, entry{folder, info}), nil
	case info.Mode().IsRegular() && strings.HasPrefix(name, w.prefix) && name > w.after:
		return append(wanted, entry{name, info}), nil
	}
	return wanted, nil
}

func (w *walk) object(one entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	obj := store.Object{
		Key: strings.TrimPrefix(one.name, w.store.prefix), SizeBytes: one.info.Size(), Modified: one.info.ModTime().UTC(), Latest: true,
	}
	if !w.yield(obj, nil) {
		return errStopped
	}
	return nil
}
