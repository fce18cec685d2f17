package file

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Get implements store.Store. Reading at or past the end gives no bytes.
func (s *Store) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if err := store.CheckGet(key, opts); err != nil {
		return nil, store.Object{}, err
	}
	if err := s.noVersion(key, opts.Version); err != nil {
		return nil, store.Object{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, store.Object{}, wrap(err, "get %s from store %s", key, s.name)
	}
	f, err := openDirect(func(flag int) (*os.File, error) {
		// O_NONBLOCK: a FIFO somebody put there must not hang the reader.
		return s.root.OpenFile(s.objectPath(key), os.O_RDONLY|syscall.O_NONBLOCK|flag, 0)
	}, opts.LengthBytes)
	if err != nil {
		return nil, store.Object{}, wrap(err, "get %s from store %s", key, s.name)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, store.Object{}, errors.Join(wrap(err, "stat %s in store %s", key, s.name), f.Close())
	}
	obj, err := s.describe(key, info)
	if err != nil {
		return nil, store.Object{}, errors.Join(err, f.Close())
	}
	body := &reader{ctx: ctx, file: f, at: opts.Offset, end: opts.Offset + lengthFrom(obj, opts)}
	if opts.Whole() {
		return store.Verified(body, obj), obj, nil
	}
	return body, obj, nil
}

func lengthFrom(obj store.Object, opts store.GetOptions) int64 {
	rest := max(0, obj.SizeBytes-opts.Offset)
	if opts.LengthBytes > 0 {
		return min(rest, opts.LengthBytes)
	}
	return rest
}

// Stat implements store.Store. It syncs the directory of what it finds: who put it
// may have been killed before that.
func (s *Store) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if err := errors.Join(store.CheckKey(key), s.noVersion(key, version)); err != nil {
		return store.Object{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Object{}, wrap(err, "stat %s in store %s", key, s.name)
	}
	obj, err := s.look(key)
	if err != nil {
		return store.Object{}, err
	}
	return obj, s.syncName(key)
}

// look returns what is known of an object, durable or not.
func (s *Store) look(key string) (store.Object, error) {
	info, err := s.root.Lstat(s.objectPath(key))
	if err != nil {
		return store.Object{}, wrap(err, "stat %s in store %s", key, s.name)
	}
	return s.describe(key, info)
}

func (s *Store) describe(key string, info os.FileInfo) (store.Object, error) {
	if !info.Mode().IsRegular() {
		return store.Object{}, failure.New(failure.NotFound, "%s in store %s is no object (%s)", key, s.name, info.Mode().Type())
	}
	digest, err := s.readDigest(key)
	if err != nil {
		return store.Object{}, err
	}
	return store.Object{
		Key: key, SizeBytes: info.Size(), SHA256: digest, Modified: info.ModTime().UTC(), Latest: true,
	}, nil
}

// Delete implements store.Store. The object goes first: a digest that outlives
// it does no harm.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	if err := errors.Join(store.CheckKey(key), s.noVersion(key, version)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return wrap(err, "delete %s from store %s", key, s.name)
	}
	unlock, err := s.lock(key)
	if err != nil {
		return err
	}
	for _, name := range []string{s.objectPath(key), s.digestPath(key)} {
		if err := s.root.Remove(name); err != nil && classOf(err) != failure.NotFound {
			return errors.Join(wrap(err, "delete %s from store %s", key, s.name), unlock())
		}
	}
	return unlock()
}

func (s *Store) noVersion(key, version string) error {
	if version == "" {
		return nil
	}
	return failure.New(failure.NotFound, "store %s keeps no versions: %s has no version %q", s.name, key, version)
}

// reader ends with the context and classes what the disk says.
type reader struct {
	ctx     context.Context //nolint:containedctx // a reader belongs to the call that made it
	file    *directFile
	at, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, wrap(err, "read %s", r.file.Name())
	}
	left := r.end - r.at
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), left)], r.at)
	r.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = wrap(err, "read %s", r.file.Name())
	}
	return n, err
}

func (r *reader) Close() error { return r.file.Close() }
