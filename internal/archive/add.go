package archive

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"path"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// job is one stretch of a file for one worker.
type job struct {
	file     *reading
	from, to int64
}

// runSlices is how many slices of a large file one worker takes at a time:
// enough for sequential reads, few enough that workers end together.
const runSlices = 4

// Add reads the files and stores what is not stored yet. It may be called more
// than once; a path given twice fails Commit. An error from the sequence, or
// from a file whose policy forbids what happened, ends it, and the writer: files
// that were read in part are no set.
func (w *Writer) Add(ctx context.Context, files iter.Seq2[File, error]) error {
	if err := w.failed(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A failed upload, which lives under the writer's context, ends the reading too.
	stop := context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) }) //nolint:contextcheck // see above
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job, w.cfg.Workers) // the disk is busy with these while workers are with others
	group.Go(func() error {
		defer close(jobs)
		for file, err := range files {
			if err != nil {
				return failure.Wrap(failure.ClassOf(err), err, "list files")
			}
			if err := w.feed(ctx, file, jobs); err != nil {
				return err
			}
		}
		return nil
	})
	for range w.cfg.Workers {
		group.Go(func() error { return w.work(ctx, jobs) })
	}
	if err := group.Wait(); err != nil {
		w.cancel(err)
		w.closeFiles()
		return err
	}
	return w.failed()
}

// closeFiles closes what was opened and, for an error elsewhere, never read to its end.
func (w *Writer) closeFiles() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.entries {
		r.close()
	}
}

// AddBytes adds a small file from memory with mode 0600.
func (w *Writer) AddBytes(ctx context.Context, name string, data []byte) error {
	return w.Add(ctx, func(yield func(File, error) bool) {
		yield(File{Path: name, Bytes: data, Mode: 0o600, ModTime: w.cfg.Now()}, nil)
	})
}

// feed looks at one file and cuts it into jobs.
func (w *Writer) feed(ctx context.Context, file File, jobs chan<- job) error {
	r, kept, err := w.look(file)
	if err != nil || !kept {
		return err
	}
	w.mu.Lock()
	w.entries = append(w.entries, r)
	w.mu.Unlock()
	size := r.entry.SizeBytes
	if r.entry.Type != TypeFile || size == 0 {
		w.meter.add(0, 1, 0)
		return nil
	}
	run := w.cfg.SliceBytes * runSlices
	r.left.Store((size + run - 1) / run)
	for from := int64(0); from < size; from += run {
		next := job{file: r, from: from, to: min(from+run, size)}
		r.expect(next)
		select {
		case jobs <- next:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// look makes the manifest entry of a file, link or directory. Sockets, pipes and
// devices are not kept: there is nothing to restore.
func (w *Writer) look(file File) (r *reading, kept bool, err error) {
	if err := checkPath(file.Path); err != nil {
		return nil, false, err
	}
	r = &reading{file: file, entry: Entry{Path: file.Path, Type: TypeFile, Outcome: Complete}}
	if file.Root == nil {
		r.entry.Mode, r.entry.SizeBytes, r.entry.ModTime = unixMode(file.Mode), int64(len(file.Bytes)), file.ModTime
		r.entry.UID, r.entry.GID = os.Getuid(), os.Getgid()
		return r, true, nil
	}
	info, err := file.Root.Lstat(file.name())
	if err != nil {
		r, err = r.unreadable(err)
		return r, err == nil, err
	}
	r.entry.Mode, r.entry.ModTime = unixMode(info.Mode()), info.ModTime()
	r.entry.UID, r.entry.GID = ownerOf(info)
	switch r.entry.Type = typeOf(info); r.entry.Type {
	case TypeFile:
		r.entry.SizeBytes = info.Size()
		err = w.keepXattrs(r)
	case TypeDirectory:
		err = w.keepXattrs(r)
	case TypeSymlink:
		r.entry.Target, err = file.Root.Readlink(file.name())
	default:
		return nil, false, nil
	}
	if err != nil {
		r, err = r.unreadable(err)
	}
	return r, err == nil, err
}

// Walk yields everything below root, with paths below prefix, parents first; with
// an empty prefix also the root itself, as ".". skip, when not nil, leaves out a path and what is
// under it. A directory that vanishes meanwhile is left out under Live.
func Walk(root *os.Root, prefix string, policy Policy, skip func(name string) bool) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		visit := func(name string, _ fs.DirEntry, err error) error {
			switch {
			case err != nil && policy == Live && os.IsNotExist(err):
				return nil
			case err != nil:
				return err
			case name == "." && prefix != "":
				return nil // prefix is an entry of its own: a directory, or the link to this root
			case name != "." && skip != nil && skip(name):
				return skipEntry(root, name)
			case !yield(File{Path: path.Join(prefix, name), Root: root, Name: name, Policy: policy}, nil):
				return fs.SkipAll
			}
			return nil
		}
		if err := fs.WalkDir(root.FS(), ".", visit); err != nil {
			yield(File{}, failure.Wrap(classOfFile(err), err, "walk %s", root.Name()))
		}
	}
}

func skipEntry(root *os.Root, name string) error {
	if info, err := root.Lstat(name); err == nil && info.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// waitForTurn applies the read throttle.
func (w *Writer) waitForTurn(ctx context.Context, n int) error {
	if w.throttle == nil {
		return nil
	}
	return w.throttle.WaitN(ctx, n)
}

// nowUTC is the host's clock.
func (w *Writer) nowUTC() time.Time { return w.cfg.Now().UTC() }
