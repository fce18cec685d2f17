package archive

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// targets are the stores a set goes to. One that fails is left out from then on;
// fewer than the minimum ends the backup.
type targets struct {
	min  int
	lock time.Time
	log  *zap.Logger

	mu   *sync.Mutex
	all  []store.Store
	lost map[string]error
}

func newTargets(cfg Config) targets {
	return targets{min: cfg.MinStores, lock: cfg.RetainUntil, log: cfg.Log, mu: &sync.Mutex{}, all: cfg.Stores, lost: map[string]error{}}
}

func (t *targets) active() []store.Store {
	t.mu.Lock()
	defer t.mu.Unlock()
	var active []store.Store
	for _, s := range t.all {
		if t.lost[s.Name()] == nil {
			active = append(active, s)
		}
	}
	return active
}

// lose drops a store and reports whether the rest is enough.
func (t *targets) lose(s store.Store, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost[s.Name()] == nil {
		t.lost[s.Name()] = err
		t.log.Warn("store falls out of this backup", zap.String("store", s.Name()), zap.Error(err))
	}
	if len(t.all)-len(t.lost) >= t.min {
		return nil
	}
	return failure.Wrap(failure.ClassOf(err), err, "write to store %s: fewer than %d stores are left", s.Name(), t.min)
}

// put writes one object to every active store at once and returns what each
// said. Twice is harmless: an identical object counts as written.
func (t *targets) put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (map[string]store.Object, error) {
	active := t.active()
	opts.RetainUntil = t.lock
	written, failed := make([]store.Object, len(active)), make([]error, len(active))
	var running sync.WaitGroup
	for i, s := range active {
		running.Go(func() {
			written[i], failed[i] = putOnce(ctx, s, key, body, opts)
		})
	}
	running.Wait()
	objects := map[string]store.Object{}
	for i, s := range active {
		if failed[i] == nil {
			objects[s.Name()] = written[i]
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err := t.lose(s, failed[i]); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// putOnce puts, and takes an object that is already there with the same content
// for its own earlier write.
func putOnce(ctx context.Context, s store.Store, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	object, err := s.Put(ctx, key, body, opts)
	if !failure.Is(err, failure.Exists) {
		return object, err
	}
	there, statErr := s.Stat(ctx, key, "")
	if statErr != nil {
		return store.Object{}, errors.Join(err, statErr)
	}
	if there.SizeBytes != opts.SizeBytes || there.SHA256 != opts.SHA256 {
		return store.Object{}, err
	}
	return there, nil
}

func versionsOf(objects map[string]store.Object) map[string]string {
	versions := make(map[string]string, len(objects))
	for name, object := range objects {
		versions[name] = object.Version
	}
	return versions
}

// send ends a part and uploads it in the background, within the memory budget.
func (w *Writer) send(b *builder) error {
	if err := b.finish(w); err != nil {
		return err
	}
	unused := w.reserve() - b.out.size
	if unused < 0 {
		return failure.New(failure.Internal, "part %s has %d bytes, more than the %d reserved", b.part.object.Key, b.out.size, w.reserve())
	}
	w.budget.Release(unused)
	w.uploads.Go(func() error { return w.upload(b) })
	return nil
}

func (w *Writer) upload(b *builder) error {
	size := b.out.size
	defer func() {
		b.out.release()
		w.budget.Release(size)
	}()
	object := &b.part.object
	opts := store.PutOptions{SizeBytes: size, SHA256: object.SHA256, CRC32C: &b.crc}
	written, err := w.targets.put(w.ctx, object.Key, b.out, opts)
	if err != nil {
		w.cancel(err)
		return failure.Wrap(failure.ClassOf(err), err, "upload part %s", object.Key)
	}
	object.Stores = versionsOf(written)
	w.meter.add(0, 0, size)
	return w.journal.append(partRecord{Object: *object, Key: b.part.key, Members: b.members})
}

// presentEverywhere looks an earlier object up in every active store.
func (w *Writer) presentEverywhere(ctx context.Context, object Object) bool {
	for _, s := range w.targets.active() {
		version, recorded := object.Stores[s.Name()]
		there, err := s.Stat(ctx, object.Key, version)
		if !recorded || err != nil || there.SizeBytes != object.SizeBytes || there.DeleteMarker ||
			(!there.SHA256.IsZero() && there.SHA256 != object.SHA256) {
			w.cfg.Log.Warn("earlier part is not whole in every store: its content is stored anew",
				zap.String("object", object.Key), zap.String("store", s.Name()), zap.Error(err))
			return false
		}
	}
	return true
}
