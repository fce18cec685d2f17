package archive_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// breakStore makes every write to a directory store fail, for root too.
func breakStore(t *testing.T, dir string) (repair func()) {
	t.Helper()
	temp := filepath.Join(dir, "tmp")
	must(t, os.Rename(temp, temp+".aside"))
	must(t, os.WriteFile(temp, nil, 0o600))
	return func() {
		must(t, os.Remove(temp))
		must(t, os.Rename(temp+".aside", temp))
	}
}

func TestStoreThatFailsFallsOutAndIsRepaired(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newFixture(t)
	f.populate()
	repair := breakStore(t, f.dirs[1])

	all, err := archive.NewWriter(ctx, f.config(archive.Full))
	must(t, err)
	err = all.Add(ctx, f.files(archive.Live))
	if err == nil {
		_, _, err = all.Commit(ctx, archive.Attributes{})
	}
	if err == nil {
		t.Fatal("committed although a required store failed")
	}
	must(t, all.Close())
	if f.visible() != 0 {
		t.Fatal("a failed backup is visible")
	}

	cfg := f.config(archive.Full)
	cfg.MinStores = 1
	d, stats := f.backup(cfg)
	if stats.StoreErrors["gcs"] == "" || len(d.Manifest.Stores) != 1 {
		t.Fatalf("store errors %v, manifest in %v", stats.StoreErrors, d.Manifest.Stores)
	}
	repair()
	done, err := archive.Finish(ctx, f.stores, source, d.Set, f.trust())
	must(t, err)
	if done.Copied["gcs"] != len(d.Parts)+2 || done.Copied["s3"] != 0 {
		t.Fatalf("copied %v", done.Copied)
	}
	must(t, os.RemoveAll(filepath.Join(f.dirs[0], "objects", "v1")))
	restore := f.restoreConfig(d.Set)
	restore.Keys = keyring.NewPrivate(f.online)
	_, err = archive.Restore(ctx, restore)
	must(t, err)
	f.same(restore)
}
