package archive

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// reading is one file while it is read, possibly by several workers.
type reading struct {
	file  File
	entry Entry

	once    sync.Once
	handle  *os.File
	openErr error
	left    atomic.Int64 // jobs not done

	mu    sync.Mutex
	done  []readSlice
	short bool // some slice had less than expected
}

// readSlice is one slice that was read.
type readSlice struct {
	Slice
	crc uint32
	at  *location
}

// unreadable settles a file that could not be looked at or opened.
func (r *reading) unreadable(err error) (*reading, error) {
	if errors.Is(err, fs.ErrNotExist) && r.file.Policy == Live {
		r.entry.Outcome, r.entry.SizeBytes, r.entry.CRC32C, r.entry.Xattrs = Vanished, 0, 0, nil
		return r, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure.Wrap(failure.CheckFailed, err, "file %q vanished before it was read", r.file.Path)
	}
	return nil, failure.Wrap(classOfFile(err), err, "read %q", r.file.Path)
}

// openToRead neither waits for a pipe's writer nor follows a link.
const openToRead = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// open opens the file once for all workers. A file replaced by a link or a pipe
// since it was looked at is refused by the flags and the check.
func (r *reading) open() error {
	r.once.Do(func() {
		r.handle, r.openErr = r.file.Root.OpenFile(r.file.name(), openToRead, 0)
		if r.openErr == nil {
			if info, err := r.handle.Stat(); err != nil || !info.Mode().IsRegular() {
				r.openErr = errors.Join(err, failure.New(failure.CheckFailed, "%q is no longer a regular file", r.file.Path))
			}
		}
	})
	return r.openErr
}

// expect says that a job's bytes will be read soon. Whether the file can be opened
// is the worker's business.
func (r *reading) expect(next job) {
	if r.file.Root != nil && r.open() == nil {
		startReading(r.handle, next.from, next.to-next.from)
	}
}

// readAt reads up to len(buf) bytes at off; fewer only at the file's end.
func (r *reading) readAt(buf []byte, off int64) ([]byte, error) {
	if r.file.Root == nil {
		return buf[:copy(buf, r.file.Bytes[off:])], nil
	}
	n, err := r.handle.ReadAt(buf, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, failure.Wrap(classOfFile(err), err, "read %q at %d", r.file.Path, off)
	}
	return buf[:n], nil
}

func (r *reading) record(s readSlice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, s)
}

func (r *reading) shortened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.short = true
}

// settle runs when the last job of the file is done: it fixes the size, the
// checksum and the outcome, and applies the policy.
func (r *reading) settle() error {
	defer r.close()
	slices.SortFunc(r.done, func(a, b readSlice) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	if r.openErr != nil {
		_, err := r.unreadable(r.openErr)
		r.done = nil
		return err
	}
	grown, err := r.grown()
	if err != nil {
		return err
	}
	switch {
	case r.short:
		r.entry.Outcome = Shrunk
		r.entry.SizeBytes = 0
		if n := len(r.done); n > 0 {
			r.entry.SizeBytes = r.done[n-1].Offset + r.done[n-1].SizeBytes
		}
	case grown:
		r.entry.Outcome = Grown
	}
	if r.entry.Outcome != Complete && r.file.Policy == Strict {
		return failure.New(failure.CheckFailed, "file %q was %s while it was read", r.file.Path, r.entry.Outcome).
			WithHint("stop what writes to it, or back up from a snapshot")
	}
	r.entry.CRC32C = r.checksum()
	return nil
}

func (r *reading) grown() (bool, error) {
	if r.handle == nil {
		return false, nil
	}
	info, err := r.handle.Stat()
	if err != nil {
		return false, failure.Wrap(classOfFile(err), err, "stat %q", r.file.Path)
	}
	if r.file.Policy == Strict && !info.ModTime().Equal(r.entry.ModTime) {
		return false, failure.New(failure.CheckFailed, "file %q was written to while it was read", r.file.Path).
			WithHint("stop what writes to it, or back up from a snapshot")
	}
	return info.Size() > r.entry.SizeBytes, nil
}

func (r *reading) checksum() uint32 {
	stretches := make([]stretch, len(r.done))
	for i, s := range r.done {
		stretches[i] = stretch{s.Offset, s.SizeBytes, s.crc}
	}
	return combineStretches(stretches)
}

func (r *reading) close() {
	if r.handle != nil {
		_ = r.handle.Close() // read only: nothing to lose
		r.handle = nil
	}
}

// classOfFile maps a file system error to a class.
func classOfFile(err error) failure.Class {
	switch class := failure.ClassOf(err); {
	case class != failure.Unknown:
		return class
	case errors.Is(err, fs.ErrNotExist):
		return failure.NotFound
	case errors.Is(err, fs.ErrPermission):
		return failure.Forbidden
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return failure.InsufficientSpace
	}
	return failure.Unknown
}
