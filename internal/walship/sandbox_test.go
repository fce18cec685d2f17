package walship_test

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// sandbox is a data directory with nothing but a pg_wal, and two stores of its
// own, for pushes of files that no server would write.
type sandbox struct {
	dir      string
	opts     walship.Options
	switches []*switchable
}

func newSandbox(t testing.TB, h *host) *sandbox {
	t.Helper()
	box := &sandbox{dir: t.TempDir(), opts: h.options(t)}
	box.opts.Stores = nil
	box.opts.Settings.DataDir = filepath.Join(box.dir, "data")
	box.opts.Settings.Spool.Dir = filepath.Join(box.dir, "spool")
	box.opts.Settings.Archive.Patience = 200 * time.Millisecond
	if err := os.MkdirAll(filepath.Join(box.opts.Settings.DataDir, "pg_wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"near", "far"} {
		dir := filepath.Join(box.dir, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		opened, err := file.Open(file.Config{Name: name, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		guarded := &switchable{Store: opened}
		box.switches = append(box.switches, guarded)
		box.opts.Stores = append(box.opts.Stores, guarded)
	}
	return box
}

func (b *sandbox) put(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.opts.Settings.DataDir, "pg_wal", name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *sandbox) settings(change func(*settings.Settings)) *sandbox {
	change(&b.opts.Settings)
	return b
}

// switchable is a real directory store whose network can be cut.
type switchable struct {
	store.Store
	cut     atomic.Bool
	cutStat atomic.Bool // of Stat alone: the directory does not sync
}

func (s *switchable) trouble() error {
	if s.cut.Load() {
		return failure.New(failure.Unavailable, "store %s: connection refused", s.Name())
	}
	return nil
}

func (s *switchable) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if err := s.trouble(); err != nil {
		return store.Object{}, err
	}
	return s.Store.Put(ctx, key, body, opts)
}

func (s *switchable) Stat(ctx context.Context, key, version string) (store.Object, error) {
	if err := s.trouble(); err != nil {
		return store.Object{}, err
	}
	if s.cutStat.Load() {
		return store.Object{}, failure.New(failure.Unavailable, "store %s: %s is not durable", s.Name(), key)
	}
	return s.Store.Stat(ctx, key, version)
}

func (s *switchable) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	if err := s.trouble(); err != nil {
		return nil, store.Object{}, err
	}
	return s.Store.Get(ctx, key, opts)
}

func (s *switchable) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	if err := s.trouble(); err != nil {
		return func(yield func(store.Object, error) bool) { yield(store.Object{}, err) }
	}
	return s.Store.List(ctx, prefix, opts)
}
