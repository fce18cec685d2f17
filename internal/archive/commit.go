package archive

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Commit stores the manifest, then the descriptor, which makes the set visible.
// An error before the descriptor is in any store leaves nothing visible. Killed
// between two stores, the set is visible in one; Finish completes it. Calling
// Commit twice is a caller's error and fails.
func (w *Writer) Commit(ctx context.Context, attributes Attributes) (*Descriptor, Stats, error) {
	if err := attributes.validate(); err != nil {
		return nil, w.stats, err
	}
	if err := w.drain(); err != nil {
		return nil, w.stats, err
	}
	d := w.describe(attributes)
	manifest, err := w.assemble(d)
	if err != nil {
		return nil, w.stats, err
	}
	if err := w.putManifest(ctx, d, manifest); err != nil {
		return nil, w.stats, err
	}
	if err := w.extendLocks(ctx, d); err != nil {
		return nil, w.stats, err
	}
	digest, err := w.putDescriptor(ctx, d)
	if err != nil {
		return nil, w.stats, err
	}
	// The set is committed. What follows is local and only costs a full set when lost.
	w.stats.StoreErrors = w.targets.errors()
	if err := w.writeIndex(d, digest, manifest); err != nil {
		return d, w.stats, err
	}
	w.meter.finish()
	return d, w.stats, w.journal.remove()
}

// drain sends the parts that are not full and waits for every upload.
func (w *Writer) drain() error {
	if err := w.failed(); err != nil {
		return err
	}
	for b := w.takeIdle(); b != nil; b = w.takeIdle() {
		if len(b.members) == 0 {
			w.budget.Release(w.reserve())
			continue
		}
		if err := w.send(b); err != nil {
			return err
		}
	}
	return w.uploads.Wait()
}

func (w *Writer) describe(attributes Attributes) *Descriptor {
	return &Descriptor{
		Format: FormatVersion, Set: w.cfg.SetID, Source: w.cfg.Source, Kind: w.base.kind,
		FullReason: w.base.fullReason, Counter: w.base.counter, Previous: w.base.previous, Begun: w.begun,
		Damaged: w.damaged > 0, Damage: w.damage, DamageSeen: w.damaged, Attributes: attributes,
	}
}

// assemble sorts the entries, numbers the parts in use and fills the descriptor's
// tables and totals.
func (w *Writer) assemble(d *Descriptor) (*Manifest, error) {
	slices.SortFunc(w.entries, func(a, b *reading) int { return strings.Compare(a.entry.Path, b.entry.Path) })
	table := newPartTable(d)
	m := &Manifest{Set: d.Set, Source: d.Source, Counter: d.Counter, Previous: d.Previous, Xattrs: w.cfg.Xattrs}
	for i, r := range w.entries {
		if i > 0 && w.entries[i-1].entry.Path == r.entry.Path {
			return nil, failure.Invalid("files", "%q was added twice", r.entry.Path)
		}
		entry := r.entry
		for _, s := range r.done {
			s.Part = table.position(s.at.part)
			entry.Slices = append(entry.Slices, s.Slice)
		}
		m.Entries = append(m.Entries, entry)
		d.Totals.Files++
		d.Totals.SourceBytes += entry.SizeBytes
		d.Totals.Slices += int64(len(entry.Slices))
		if entry.Outcome != Complete {
			d.Changed++
		}
	}
	table.addKey(w.key) // the manifest's
	m.Parts = len(d.Parts)
	d.Totals.ReusedBytes = w.reusedBytes()
	return m, nil
}

// reusedBytes counts content that did not have to be stored.
func (w *Writer) reusedBytes() (reused int64) {
	stored := map[*location]bool{}
	for _, r := range w.entries {
		for _, s := range r.done {
			if stored[s.at] || s.at.part.object.Set != w.cfg.SetID {
				reused += s.SizeBytes
			}
			stored[s.at] = true
		}
	}
	return reused
}

// partTable numbers the parts a descriptor needs in order of first use.
type partTable struct {
	d    *Descriptor
	seen map[*part]bool
	keys map[string]bool
	sets map[SetID]bool
}

func newPartTable(d *Descriptor) *partTable {
	return &partTable{d: d, seen: map[*part]bool{}, keys: map[string]bool{}, sets: map[SetID]bool{d.Set: true}}
}

func (t *partTable) position(p *part) int {
	if t.seen[p] {
		return p.position
	}
	t.seen[p] = true
	p.position = len(t.d.Parts)
	t.d.Parts = append(t.d.Parts, p.object)
	t.addKey(p.key)
	if p.object.Set == t.d.Set {
		t.d.Totals.NewParts++
		t.d.Totals.NewPartBytes += p.object.SizeBytes
	} else {
		t.d.Totals.OldPartBytes += p.object.SizeBytes
	}
	if !t.sets[p.object.Set] {
		t.sets[p.object.Set] = true
		t.d.References = append(t.d.References, p.object.Set)
		slices.Sort(t.d.References)
	}
	return p.position
}

func (t *partTable) addKey(key KeyHeader) {
	if !t.keys[key.ID] {
		t.keys[key.ID] = true
		t.d.Keys = append(t.d.Keys, key)
	}
}

// putManifest encrypts, signs and stores the manifest.
func (w *Writer) putManifest(ctx context.Context, d *Descriptor, m *Manifest) error {
	out := &buffer{pool: &w.pool}
	defer out.release()
	key := manifestKey(d.Source, d.Set, w.attempt)
	sealed, err := seal.NewSignedWriter(out, key, w.key.PKESK, w.session, w.cfg.Signer)
	if err != nil {
		return err
	}
	zip, err := zstd.NewWriter(sealed, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20))
	if err != nil {
		return failure.Wrap(failure.Internal, err, "make compressor")
	}
	plain := countingWriter{w: zip}
	if err := encodeManifest(&plain, m); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return failure.Wrap(failure.Internal, err, "compress manifest")
	}
	if err := sealed.Close(); err != nil {
		return failure.Wrap(failure.Internal, err, "encrypt manifest")
	}
	digest, err := digestOf(out)
	if err != nil {
		return err
	}
	written, err := w.targets.put(ctx, key, out, store.PutOptions{SizeBytes: out.size, SHA256: digest})
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "store manifest of %s", d.Set)
	}
	d.Manifest = Object{
		Key: key, Set: d.Set, SizeBytes: out.size, PlainBytes: plain.n, SHA256: digest, KeyID: w.key.ID,
		Stores: versionsOf(written),
	}
	d.StoreTimes = map[string]time.Time{}
	for name, object := range written {
		d.StoreTimes[name] = object.Modified.UTC()
	}
	return nil
}

// putDescriptor signs and stores the descriptor and returns its digest.
func (w *Writer) putDescriptor(ctx context.Context, d *Descriptor) (store.Digest, error) {
	d.Created = w.nowUTC()
	if err := d.validate(w.cfg.Source, w.cfg.SetID); err != nil {
		return store.Digest{}, failure.Wrap(failure.Internal, err, "check own descriptor")
	}
	document, err := encodeDescriptor(d, w.cfg.Signer)
	if err != nil {
		return store.Digest{}, err
	}
	out := &buffer{pool: &w.pool}
	defer out.release()
	if _, err := out.Write(document); err != nil {
		return store.Digest{}, err
	}
	digest := store.DigestOf(document)
	_, err = w.targets.put(ctx, DescriptorKey(d.Source, d.Set), out, store.PutOptions{SizeBytes: out.size, SHA256: digest})
	return digest, failure.Wrap(failure.ClassOf(err), err, "store descriptor of %s", d.Set)
}
