package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// destination is one place a slice's content goes.
type destination struct {
	entry *Entry
	slice Slice
}

// wanted says which members of which parts are needed where.
type wanted map[int]map[string][]destination

type counts struct{ written, kept atomic.Int64 }

// bring makes the files and fills them with what they lack. Where nothing was there
// before, the one does not wait for the other: a file is made by whoever needs it
// first, and gets its size, which no content goes beyond, from prepare.
func (r *restore) bring(ctx context.Context) error {
	if !r.fresh {
		if err := r.prepare(ctx); err != nil {
			return err
		}
	}
	missing, err := r.missing(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if r.fresh {
		group.Go(func() error { return r.prepare(ctx) })
	}
	group.Go(func() error { return r.fill(ctx, missing) })
	return group.Wait()
}

func (r *restore) makeDirectories() error {
	for _, entry := range r.entries {
		if entry.Type != TypeDirectory {
			continue
		}
		if err := r.makeDirectory(entry); err != nil {
			return failure.Wrap(classOfFile(err), err, "make directory %q", entry.Path)
		}
	}
	return nil
}

// prepare makes links, and files of the right size. Running twice finds what the
// first run left.
func (r *restore) prepare(ctx context.Context) error {
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Workers)
	for _, entry := range r.entries {
		if entry.Type == TypeDirectory || r.last[entry.Path] {
			continue
		}
		group.Go(func() error {
			if err := inGroup.Err(); err != nil {
				return failure.Wrap(failure.Unavailable, err, "prepare")
			}
			err := r.prepareEntry(entry)
			return failure.Wrap(classOfFile(err), err, "prepare %q", entry.Path)
		})
	}
	return group.Wait()
}

// missing finds out what content is not there: it compares stretch by stretch, so
// that one large file occupies all workers.
func (r *restore) missing(ctx context.Context) (wanted, error) {
	missing, mu := wanted{}, sync.Mutex{}
	add := func(entry *Entry, need []Slice) {
		mu.Lock()
		defer mu.Unlock()
		missing.add(entry, need)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.cfg.Workers)
	for _, entry := range r.entries {
		if r.fresh || r.last[entry.Path] {
			add(entry, entry.Slices)
			continue
		}
		for run := range slices.Chunk(entry.Slices, runSlices) {
			group.Go(func() error {
				need, err := r.compare(ctx, entry, run)
				add(entry, need)
				return failure.Wrap(classOfFile(err), err, "compare %q", entry.Path)
			})
		}
	}
	return missing, group.Wait()
}

func (w wanted) add(entry *Entry, slices []Slice) {
	for _, s := range slices {
		if w[s.Part] == nil {
			w[s.Part] = map[string][]destination{}
		}
		w[s.Part][s.Member] = append(w[s.Part][s.Member], destination{entry, s})
	}
}

func (r *restore) makeDirectory(entry *Entry) error {
	root, name := r.target.resolve(entry.Path)
	if name == "." {
		return nil
	}
	if err := clearPath(root, name, TypeDirectory); err != nil {
		return err
	}
	if err := root.MkdirAll(name, 0o700); err != nil {
		return err
	}
	if r.fresh {
		return nil
	}
	return root.Chmod(name, 0o700) // a killed run may have closed it already
}

// prepareEntry makes a link, or a file of the right size. Gaps of a shrunk file
// must read as zeros: such a file starts again from nothing.
func (r *restore) prepareEntry(entry *Entry) error {
	root, name := r.target.resolve(entry.Path)
	if err := clearPath(root, name, entry.Type); err != nil {
		return err
	}
	if entry.Type == TypeSymlink {
		return root.Symlink(r.linkTarget(entry), name)
	}
	if !r.fresh {
		if err := unshare(root, name); err != nil {
			return err
		}
	}
	file, err := openForWrite(root, name)
	if err != nil {
		return err
	}
	if entry.Outcome == Shrunk && !r.fresh {
		err = file.Truncate(0)
	}
	if err == nil {
		err = file.Truncate(entry.SizeBytes)
	}
	return errors.Join(err, file.Close())
}

func (r *restore) linkTarget(entry *Entry) string {
	if dir, mapped := r.cfg.Map[entry.Path]; mapped {
		return dir
	}
	return entry.Target
}

// openForWrite opens or creates a file, making missing parents, and takes a mode
// that a finished restore set into account.
func openForWrite(root *os.Root, name string) (*os.File, error) {
	open := func() (*os.File, error) { return root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) }
	file, err := open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := root.MkdirAll(parentOf(name), 0o700); err != nil {
			return nil, err
		}
		return open()
	case errors.Is(err, fs.ErrPermission):
		if err := root.Chmod(name, 0o600); err != nil {
			return nil, err
		}
		return open()
	}
	return file, err
}

// compare hashes what is on disk of some slices and returns those that differ.
func (r *restore) compare(ctx context.Context, entry *Entry, run []Slice) (need []Slice, err error) {
	root, name := r.target.resolve(entry.Path)
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	last := run[len(run)-1]
	startReading(file, run[0].Offset, last.Offset+last.SizeBytes-run[0].Offset)
	chunk := r.pool.get()
	defer r.pool.put(chunk)
	found, buf := newSums(), chunk[:cacheBytes]
	for _, s := range run {
		if err := ctx.Err(); err != nil {
			return nil, failure.Wrap(failure.Unavailable, err, "compare")
		}
		found.reset()
		n, err := io.CopyBuffer(struct{ io.Writer }{found}, struct{ io.Reader }{io.NewSectionReader(file, s.Offset, s.SizeBytes)}, buf)
		if err != nil {
			return nil, err
		}
		if n != s.SizeBytes || found.digest() != s.SHA256 {
			need = append(need, s)
			continue
		}
		r.contents.add(entry, s, found.crc, false)
		r.counts.kept.Add(n)
		r.meter.add(n, 0, 0)
	}
	return need, nil
}
