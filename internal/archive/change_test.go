package archive_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// changing backs up one file of four slices that change is applied to after the
// first slice was read.
func changing(t *testing.T, policy archive.Policy, change func(path string)) (archive.FileResult, *archive.Descriptor, *fixture, error) {
	t.Helper()
	f := newFixture(t)
	path := filepath.Join(f.data, "table")
	must(t, os.WriteFile(path, random(4*64<<10, 4), 0o600))
	cfg := f.config(archive.Full)
	cfg.Workers = 1
	changed := false
	cfg.Inspect = func(string, int64, []byte) []archive.Damage {
		if !changed {
			changed = true
			change(path)
		}
		return nil
	}
	w, err := archive.NewWriter(context.Background(), cfg)
	must(t, err)
	defer func() { must(t, w.Close()) }()
	if err := w.Add(context.Background(), f.files(policy)); err != nil {
		return archive.FileResult{}, nil, f, err
	}
	var result archive.FileResult
	for _, r := range w.Files() {
		if r.Path == "table" {
			result = r
		}
	}
	d, _, err := w.Commit(context.Background(), archive.Attributes{})
	must(t, err)
	return result, d, f, nil
}

func TestFilesThatChangeWhileRead(t *testing.T) {
	t.Parallel()
	grow := func(path string) {
		out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = out.Write(make([]byte, 9000))
		must(t, err)
		must(t, out.Close())
	}
	for name, c := range map[string]struct {
		change  func(string)
		outcome archive.Outcome
		size    int64
	}{
		"grown":    {grow, archive.Grown, 4 * 64 << 10},
		"shrunk":   {func(path string) { must(t, os.Truncate(path, 100_000)) }, archive.Shrunk, 100_000},
		"unlinked": {func(path string) { must(t, os.Remove(path)) }, archive.Complete, 4 * 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, d, f, err := changing(t, archive.Live, c.change)
			must(t, err)
			if result.Outcome != c.outcome || result.SizeBytes != c.size {
				t.Fatalf("%+v", result)
			}
			cfg := f.restoreConfig(d.Set)
			_, err = archive.Restore(context.Background(), cfg)
			must(t, err)
			info, err := os.Stat(filepath.Join(cfg.Target, "table"))
			if err != nil || info.Size() != c.size {
				t.Fatalf("restored: %v", err)
			}
		})
	}
	if _, _, _, err := changing(t, archive.Strict, grow); !failure.Is(err, failure.CheckFailed) {
		t.Fatalf("strict: %v", err)
	}
}

// TestFailedAddEndsTheWriter: what was read before the failure is no set, whatever
// the caller does next.
func TestFailedAddEndsTheWriter(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, os.WriteFile(filepath.Join(f.data, "table"), random(4*64<<10, 4), 0o600))
	w, err := archive.NewWriter(context.Background(), f.config(archive.Full))
	must(t, err)
	defer func() { must(t, w.Close()) }()
	broken := failure.New(failure.Unavailable, "the list of files ends here")
	err = w.Add(context.Background(), func(yield func(archive.File, error) bool) {
		for file, err := range f.files(archive.Live) {
			if !yield(file, err) {
				return
			}
		}
		yield(archive.File{}, broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("add: %v", err)
	}
	if err := w.AddBytes(context.Background(), "label", []byte("x")); !errors.Is(err, broken) {
		t.Errorf("add after a failed add: %v", err)
	}
	if d, _, err := w.Commit(context.Background(), archive.Attributes{}); !errors.Is(err, broken) {
		t.Errorf("committed %+v, %v", d, err)
	}
	if listing, err := archive.List(context.Background(), f.stores, source, f.trust()); err != nil || len(listing.Sets) != 0 {
		t.Errorf("listed %+v, %v", listing.Sets, err)
	}
}

func TestVanishedFiles(t *testing.T) {
	t.Parallel()
	for _, policy := range []archive.Policy{archive.Live, archive.Strict} {
		f := newFixture(t)
		root, err := os.OpenRoot(f.data)
		must(t, err)
		w, err := archive.NewWriter(context.Background(), f.config(archive.Full))
		must(t, err)
		err = w.Add(context.Background(), func(yield func(archive.File, error) bool) {
			yield(archive.File{Path: "gone", Root: root, Policy: policy}, nil)
		})
		if policy == archive.Strict {
			if !failure.Is(err, failure.CheckFailed) {
				t.Fatal(err)
			}
		} else {
			must(t, err)
			d, _, err := w.Commit(context.Background(), archive.Attributes{})
			must(t, err)
			if d.Changed != 1 || w.Files()[0].Outcome != archive.Vanished {
				t.Fatalf("%+v", w.Files())
			}
			_, err = archive.Restore(context.Background(), f.restoreConfig(d.Set))
			must(t, err)
		}
		must(t, w.Close())
		must(t, root.Close())
	}
}

func TestDamagedSourceIsSaidInTheDescriptor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	cfg := f.config(archive.Full)
	cfg.Inspect = func(path string, offset int64, _ []byte) []archive.Damage {
		if path == "base/16384/2000" && offset == 0 {
			return []archive.Damage{{Path: path, OffsetBytes: 8192, Detail: "page checksum 17, want 18"}}
		}
		return nil
	}
	d, _ := f.backup(cfg)
	if !d.Damaged || len(d.Damage) != 1 || d.Damage[0].OffsetBytes != 8192 {
		t.Fatalf("%+v", d.Damage)
	}
}

func TestDeltaRestore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	cfg := f.restoreConfig(d.Set)
	cfg.Last = []string{"global/pg_control"}
	_, err := archive.Restore(context.Background(), cfg)
	must(t, err)
	if _, err := archive.Restore(context.Background(), cfg); !failure.Is(err, failure.Unsafe) {
		t.Fatalf("restore over data: %v", err)
	}
	flipFile(t, filepath.Join(cfg.Target, "base/16384/2000"), 100_000)
	must(t, os.Remove(filepath.Join(cfg.Target, "base/1/1003")))
	must(t, os.Truncate(filepath.Join(cfg.Target, "base/1/1004"), 1<<20))
	must(t, os.RemoveAll(filepath.Join(cfg.Target, "base/1/1005")))
	must(t, os.Mkdir(filepath.Join(cfg.Target, "base/1/1005"), 0o700))
	must(t, os.WriteFile(filepath.Join(cfg.Target, "base/extra"), []byte("x"), 0o600))
	must(t, os.WriteFile(filepath.Join(cfg.Map["pg_tblspc/16400"], "extra"), []byte("x"), 0o600))
	cfg.Delta, cfg.RemoveExtra = true, true
	result, err := archive.Restore(context.Background(), cfg)
	must(t, err)
	f.same(cfg)
	if len(result.Removed) != 2 || result.BytesWritten > 200_000 || result.BytesKept < 2_000_000 {
		t.Fatalf("removed %v, wrote %d, kept %d", result.Removed, result.BytesWritten, result.BytesKept)
	}
}

// A file that has several names is written under its own only: what else goes by
// them, in the target or outside it, is another file afterwards.
func TestDeltaRestoreOverHardLinks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	cfg := f.restoreConfig(d.Set)
	_, err := archive.Restore(context.Background(), cfg)
	must(t, err)
	within := func(name string) string { return filepath.Join(cfg.Target, name) }
	must(t, os.Remove(within("base/1/1006"))) // as long as 1001, with other content
	must(t, os.Link(within("base/1/1001"), within("base/1/1006")))
	flipFile(t, within("base/16384/2000"), 100_000)
	aside := filepath.Join(t.TempDir(), "2000")
	must(t, os.Link(within("base/16384/2000"), aside))
	damaged, err := os.ReadFile(aside)
	must(t, err)
	cfg.Delta, cfg.RemoveExtra, cfg.ReadBack = true, true, true
	_, err = archive.Restore(context.Background(), cfg)
	must(t, err)
	f.same(cfg)
	if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, damaged) {
		t.Errorf("what was put aside was written to: %v", err)
	}
}

func TestWorkspaceMarkerMakesARepeatedRestoreHarmless(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	cfg := f.restoreConfig(d.Set)
	cfg.Workspace = t.TempDir()
	for run := range 2 {
		result, err := archive.Restore(context.Background(), cfg)
		must(t, err)
		if result.Resumed != (run == 1) || (run == 1 && result.FetchedParts > 1) { // the manifest counts as one
			t.Fatalf("run %d: %+v", run, result)
		}
	}
	f.same(cfg)
}

func TestTablespaceMustBeMapped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	cfg := f.restoreConfig(d.Set)
	cfg.Map = nil
	if _, err := archive.Restore(context.Background(), cfg); !failure.Is(err, failure.InvalidInput) {
		t.Fatal(err)
	}
}
