package file

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// copyBytes is how much is copied between two looks at the context.
const copyBytes = 1 << 20

// Put implements store.Store. Interrupted anywhere and run again, it either
// creates the object or finds the one it created, whole.
func (s *Store) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if err := store.CheckPut(key, body, opts); err != nil {
		return store.Object{}, err
	}
	if err := s.absent(key); err != nil { // spares writing what would be refused
		return store.Object{}, err
	}
	temp := path.Join(tempDir, rand.Text())
	if err := s.writeTemp(ctx, temp, key, body, opts); err != nil {
		return store.Object{}, errors.Join(err, s.discard(temp))
	}
	err := s.publish(ctx, temp, key, opts)
	if err := errors.Join(err, s.discard(temp)); err != nil {
		return store.Object{}, err
	}
	return s.look(key)
}

// absent fails with failure.Exists when the object is there, once its name is
// durable: who put it may have been killed before that, and callers acknowledge on it.
func (s *Store) absent(key string) error {
	_, err := s.root.Lstat(s.objectPath(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		if err := s.syncName(key); err != nil {
			return err
		}
		return failure.New(failure.Exists, "object %s exists already in store %s", key, s.name)
	default:
		return s.belowObject(err, key)
	}
}

// belowObject explains ENOTDIR: the key lies below another one.
func (s *Store) belowObject(err error, key string) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return failure.Invalid("key", "%s lies below an object of store %s", key, s.name)
	}
	return wrap(err, "put %s in store %s", key, s.name)
}

// writeTemp writes and syncs the body, and refuses it when it is not what opts say.
func (s *Store) writeTemp(ctx context.Context, temp, key string, body io.ReaderAt, opts store.PutOptions) error {
	f, err := openDirect(func(flag int) (*os.File, error) {
		if err := s.discard(temp); err != nil {
			return nil, err
		}
		return s.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY|flag, 0o400)
	}, opts.SizeBytes)
	if err != nil {
		return wrap(err, "create temporary file for %s in store %s", key, s.name)
	}
	sent := store.NewSent(opts)
	err = copyBody(ctx, io.MultiWriter(io.NewOffsetWriter(f, 0), sent), body, opts.SizeBytes)
	if err == nil {
		err = sent.Verdict()
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return wrap(err, "write %s to store %s", key, s.name)
	}
	return nil
}

func copyBody(ctx context.Context, w io.Writer, body io.ReaderAt, size int64) error {
	if memory, ok := body.(store.InMemory); ok {
		return copyMemory(ctx, w, memory, size)
	}
	buf := alignedBuffer(min(copyBytes, max(size, 1)))
	for offset := int64(0); offset < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := min(int64(len(buf)), size-offset)
		n, err := body.ReadAt(buf[:want], offset)
		if int64(n) < want {
			return failure.Wrap(failure.Corrupt, errors.Join(err, io.ErrUnexpectedEOF), "read body at byte %d of %d", offset, size)
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		offset += int64(n)
	}
	return ctx.Err()
}

func copyMemory(ctx context.Context, w io.Writer, body store.InMemory, size int64) error {
	for offset := int64(0); offset < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := body.BytesAt(offset)
		if len(next) == 0 {
			return failure.New(failure.Corrupt, "body ends at byte %d of %d", offset, size)
		}
		n, err := w.Write(next[:min(int64(len(next)), size-offset)])
		if err != nil {
			return err
		}
		offset += int64(n)
	}
	return ctx.Err()
}

// publish gives the temporary file its name, under the key's lock.
func (s *Store) publish(ctx context.Context, temp, key string, opts store.PutOptions) error {
	unlock, err := s.lock(key)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(wrap(err, "put %s in store %s", key, s.name), unlock())
	}
	return errors.Join(s.publishLocked(temp, key, opts), unlock())
}

func (s *Store) publishLocked(temp, key string, opts store.PutOptions) error {
	// Only while the object is absent may its digest be replaced.
	if err := s.absent(key); err != nil {
		return err
	}
	if err := s.writeDigest(key, opts.SHA256); err != nil {
		return err
	}
	if err := s.makeParents(s.objectPath(key)); err != nil {
		return s.belowObject(err, key)
	}
	if err := s.root.Link(temp, s.objectPath(key)); err != nil {
		return wrap(err, "publish %s in store %s", key, s.name)
	}
	return s.syncName(key)
}

// syncName makes the object's name durable; its bytes and its digest are, since
// before it had the name.
func (s *Store) syncName(key string) error {
	if err := s.syncDir(path.Dir(s.objectPath(key))); err != nil {
		return wrap(err, "sync directory of %s in store %s", key, s.name)
	}
	return nil
}

// discard removes a temporary file; the object, if published, is another link.
func (s *Store) discard(temp string) error {
	if err := s.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return wrap(err, "remove %s in store %s", temp, s.name)
	}
	return nil
}
