package file

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// List implements store.Store. It holds the names of one directory per level in
// memory. What is put or deleted meanwhile may or may not be seen. Digests are
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

// directory visits dir, "" or a path below objects/ that ends in a slash.
func (w *walk) directory(dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(w.store.root.FS(), strings.TrimSuffix(objectsDir+"/"+dir, "/"))
	if errors.Is(err, fs.ErrNotExist) && dir != "" {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	// In a key, a directory's name is followed by a slash: "a-b" < "a/c" < "a0".
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, entry := range entries {
		if err := w.entry(dir+sortName(entry), entry); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(name string, entry fs.DirEntry) error {
	if entry.IsDir() {
		wanted := strings.HasPrefix(name, w.prefix) || strings.HasPrefix(w.prefix, name)
		passed := name <= w.after && !strings.HasPrefix(w.after, name)
		if !wanted || passed {
			return nil
		}
		return w.directory(name)
	}
	if !strings.HasPrefix(name, w.prefix) || name <= w.after || !entry.Type().IsRegular() {
		return nil
	}
	return w.object(name, entry)
}

func (w *walk) object(name string, entry fs.DirEntry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return failure.Wrap(classOf(err), err, "stat %s", name)
	}
	obj := store.Object{
		Key: strings.TrimPrefix(name, w.store.prefix), SizeBytes: info.Size(), Modified: info.ModTime().UTC(), Latest: true,
	}
	if !w.yield(obj, nil) {
		return errStopped
	}
	return nil
}

func sortName(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}
