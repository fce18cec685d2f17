package archive

import (
	"context"
	"crypto/sha256"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

func digestOf(b *buffer) (store.Digest, error) {
	sum := sha256.New()
	err := b.writeTo(sum)
	return store.Digest(sum.Sum(nil)), err
}

// lockParallel is how many locks are extended at once.
const lockParallel = 16

// extendLocks moves the locks of earlier sets' parts as far as this set's own,
// before the set becomes visible: an increment must not outlive what it needs (L16).
func (w *Writer) extendLocks(ctx context.Context, d *Descriptor) error {
	if w.cfg.RetainUntil.IsZero() {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lockParallel)
	for _, s := range w.targets.active() {
		for _, object := range d.Parts {
			version, there := object.Stores[s.Name()]
			if !there || !s.Capabilities().Locks {
				continue
			}
			group.Go(func() error {
				err := s.ExtendLock(ctx, object.Key, version, w.cfg.RetainUntil)
				return failure.Wrap(failure.ClassOf(err), err, "extend lock of %s in store %s", object.Key, s.Name())
			})
		}
	}
	return group.Wait()
}

// writeIndex replaces the index by what the committed set holds.
func (w *Writer) writeIndex(d *Descriptor, digest store.Digest, m *Manifest) error {
	x := &index{indexHead: indexHead{
		Format: FormatVersion, Source: d.Source, Set: d.Set, Descriptor: digest,
		Chain: w.base.chain, Keys: d.Keys, Parts: d.Parts,
	}}
	seen := map[store.Digest]bool{}
	for _, entry := range m.Entries {
		for _, s := range entry.Slices {
			if !seen[s.SHA256] {
				seen[s.SHA256] = true
				x.Slices = append(x.Slices, indexSlice{s.SHA256, s.SizeBytes, s.Part, s.Member})
			}
		}
	}
	content, err := encodeIndex(x, w.cfg.Signer)
	if err != nil {
		return err
	}
	dir, err := stateDir(w.cfg)
	if err != nil {
		return err
	}
	return replaceFile(indexName(dir), content)
}

// errors says which stores fell out, and why.
func (t *targets) errors() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lost := map[string]string{}
	for name, err := range t.lost {
		lost[name] = err.Error()
	}
	return lost
}
