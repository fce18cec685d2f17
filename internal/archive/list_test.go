package archive_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/store"
)

// counted counts what a store lists.
type counted struct {
	store.Store
	listed *int
}

func (c counted) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for object, err := range c.Store.List(ctx, prefix, opts) {
			*c.listed++
			if !yield(object, err) {
				return
			}
		}
	}
}

// addParts puts n parts that nobody names into a set, in every store.
func (f *fixture) addParts(set archive.SetID, n int) {
	f.t.Helper()
	for _, dir := range f.dirs {
		parts := filepath.Join(dir, "objects", "v1", source, "sets", string(set), "parts")
		for i := range n {
			must(f.t, os.WriteFile(filepath.Join(parts, fmt.Sprintf("%08d-0a1b2c3d.tar.zst.pgp", i+100)), nil, 0o600))
		}
	}
}

// TestListingPassesOverParts: what is listed does not grow with what sets hold.
func TestListingPassesOverParts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	var sets []archive.SetID
	for range 3 {
		d, _ := f.backup(f.config(archive.Full))
		sets = append(sets, d.Set)
	}
	f.addParts(sets[0], 5000)
	f.addParts(sets[1], 800)
	f.addParts(sets[2], 2500)
	listed := 0
	listing, err := archive.List(t.Context(), []store.Store{counted{f.stores[0], &listed}}, source, f.trust())
	must(t, err)
	if len(listing.Sets) != 3 || len(listing.Anomalies) > 0 {
		t.Errorf("%d sets, anomalies %v", len(listing.Sets), listing.Anomalies)
	}
	if listed > 3000 {
		t.Errorf("%d of some 8300 objects were listed", listed)
	}
}

// BenchmarkListAmong100000 parts: ten sets.
func BenchmarkListAmong100000(b *testing.B) {
	f := newFixture(b)
	f.populate()
	for range 10 {
		d, _ := f.backup(f.config(archive.Full))
		f.addParts(d.Set, 10_000)
	}
	listed := 0
	stores := []store.Store{counted{f.stores[0], &listed}}
	for b.Loop() {
		listed = 0
		if _, err := archive.List(b.Context(), stores, source, f.trust()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(listed), "objects/op")
}
