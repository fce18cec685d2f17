package archive_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

func classOf(err error) failure.Class { return failure.ClassOf(err) }

// TestEveryFlippedByteIsFoundAndNeverRestored flips bytes over every region of
// every object: in one store the other's copy is used and the repair recorded,
// in both the restore fails and names what is damaged.
func TestEveryFlippedByteIsFoundAndNeverRestored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must(t, os.WriteFile(filepath.Join(f.data, "table"), random(3000, 1), 0o600))
	d, _ := f.backup(f.config(archive.Full))
	for _, c := range []struct {
		object string
		stride int
	}{{"/parts/", 41}, {"/manifest-", 19}, {"/set.json", 29}} {
		paths := make([]string, len(f.dirs))
		for i, dir := range f.dirs {
			f.each(dir, "objects/v1/"+source, func(path string) {
				if strings.Contains(path, c.object) {
					paths[i] = path
				}
			})
		}
		content, err := os.ReadFile(paths[0])
		must(t, err)
		for at := 0; at < len(content); at += c.stride {
			bad := bytes.Clone(content)
			bad[at] ^= 1 << (at % 8)
			must(t, os.Chmod(paths[0], 0o600))
			must(t, os.WriteFile(paths[0], bad, 0o600))
			f.flipOne(d, c.object, at)
			must(t, os.Chmod(paths[1], 0o600))
			must(t, os.WriteFile(paths[1], bad, 0o600))
			f.flipBoth(d, c.object, at)
			must(t, os.WriteFile(paths[1], content, 0o600))
		}
		must(t, os.WriteFile(paths[0], content, 0o600))
	}
}

func (f *fixture) flipOne(d *archive.Descriptor, object string, at int) {
	f.t.Helper()
	cfg := f.restoreConfig(d.Set)
	result, err := archive.Restore(context.Background(), cfg)
	if err != nil {
		f.t.Fatalf("%s byte %d bad in one store: %v", object, at, err)
	}
	if len(result.Repairs)+len(result.Anomalies) == 0 && object != "/parts/" && object != "/manifest-" {
		f.t.Fatalf("%s byte %d: nothing was recorded", object, at)
	}
	got, err := os.ReadFile(filepath.Join(cfg.Target, "table"))
	if err != nil || !bytes.Equal(got, random(3000, 1)) {
		f.t.Fatalf("%s byte %d: restored wrong content: %v", object, at, err)
	}
}

func (f *fixture) flipBoth(d *archive.Descriptor, object string, at int) {
	f.t.Helper()
	cfg := f.restoreConfig(d.Set)
	_, err := archive.Restore(context.Background(), cfg)
	if classOf(err) != failure.Corrupt && classOf(err) != failure.IdentityMismatch {
		f.t.Fatalf("%s byte %d bad in both stores: %v", object, at, err)
	}
	if !strings.Contains(err.Error(), string(d.Set)) {
		f.t.Fatalf("%s byte %d: %v does not name the set", object, at, err)
	}
	if object == "/parts/" && !strings.Contains(err.Error(), "table") {
		f.t.Fatalf("%s byte %d: %v does not name the file", object, at, err)
	}
	if content, err := os.ReadFile(filepath.Join(cfg.Target, "table")); err == nil && !bytes.Equal(content, make([]byte, len(content))) {
		f.t.Fatalf("%s byte %d: something was restored", object, at)
	}
}

func TestRepairIsRecorded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	d, _ := f.backup(f.config(archive.Full))
	lost := 0
	f.each(f.dirs[0], ".pgp", func(path string) {
		if strings.Contains(path, "/sha256/") {
			return
		}
		if lost++; lost%2 == 0 {
			must(t, os.Remove(path))
		} else {
			flipFile(t, path, -40) // parts may be a few hundred bytes: which worker gets which file varies
		}
	})
	cfg := f.restoreConfig(d.Set)
	result, err := archive.Restore(context.Background(), cfg)
	must(t, err)
	f.same(cfg)
	if len(result.Repairs) == 0 || result.Repairs[0].Bad != "s3" || result.Repairs[0].Good != "gcs" {
		t.Fatalf("repairs %+v", result.Repairs)
	}
	v, err := archive.Verify(context.Background(), archive.VerifyConfig{
		Stores: f.stores, Source: source, SetID: d.Set,
		Trusted: f.trust(), Depth: archive.FullRead,
	})
	must(t, err)
	if len(v.Findings) != lost || v.Sound() {
		t.Fatalf("%d findings for %d bad objects", len(v.Findings), lost)
	}
}

func TestListReportsWhatIsOdd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	first, _ := f.backup(f.config(archive.Full))
	second, _ := f.backup(f.config(archive.Incremental))
	objects := func(i int) string { return filepath.Join(f.dirs[i], "objects", "v1", source, "sets") }
	read := func(set archive.SetID) []byte {
		content, err := os.ReadFile(filepath.Join(objects(0), string(set), "set.json"))
		must(t, err)
		return content
	}
	// A genuine descriptor replayed under another set's name, and a forged one.
	replayed, forged := archive.SetID("20270101T000000Z-f-00000001"), archive.SetID("20270101T000000Z-f-00000002")
	must(t, os.MkdirAll(filepath.Join(objects(0), string(replayed)), 0o700))
	must(t, os.WriteFile(filepath.Join(objects(0), string(replayed), "set.json"), read(first.Set), 0o600))
	must(t, os.MkdirAll(filepath.Join(objects(0), string(forged)), 0o700))
	must(t, os.WriteFile(filepath.Join(objects(0), string(forged), "set.json"), []byte("{}"), 0o600))
	must(t, os.Remove(filepath.Join(objects(1), string(second.Set), "set.json")))

	listing, err := archive.List(context.Background(), f.stores, source, f.trust())
	must(t, err)
	if len(listing.Sets) != 2 || listing.Sets[0].Descriptor.Set != first.Set {
		t.Fatalf("%d sets", len(listing.Sets))
	}
	found := map[archive.AnomalyKind]int{}
	for _, anomaly := range listing.Anomalies {
		found[anomaly.Kind]++
	}
	if found[archive.Forged] != 2 || found[archive.Missing] != 1 || len(listing.Anomalies) != 3 {
		t.Fatalf("anomalies %+v", listing.Anomalies)
	}
	if _, _, err := archive.Load(context.Background(), f.stores, source, replayed, f.trust()); classOf(err) != failure.Corrupt {
		t.Fatalf("replayed set: %v", err)
	}
	// Another host's signature is not believed.
	stranger, err := keyring.Generate("stranger", "stranger@example.org")
	must(t, err)
	if _, _, err := archive.Load(context.Background(), f.stores, source, first.Set, keyring.TrustAlways(stranger.Public())); err == nil {
		t.Fatal("believed a host that is not trusted")
	}

	done, err := archive.Finish(context.Background(), f.stores, source, second.Set, f.trust())
	must(t, err)
	again, err := archive.Finish(context.Background(), f.stores, source, second.Set, f.trust())
	must(t, err)
	if done.Copied["gcs"] != 1 || again.Copied["gcs"] != 0 {
		t.Fatalf("copied %v, then %v", done.Copied, again.Copied)
	}
}

func TestReusedCounterIsReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	first, err := archive.NewWriter(context.Background(), f.config(archive.Full))
	must(t, err)
	f.backup(f.config(archive.Full)) // between the other's start and its commit
	_, _, err = first.Commit(context.Background(), archive.Attributes{})
	must(t, err)
	must(t, first.Close())
	listing, err := archive.List(context.Background(), f.stores, source, f.trust())
	must(t, err)
	if len(listing.Anomalies) != 1 || listing.Anomalies[0].Kind != archive.CounterReused {
		t.Fatalf("anomalies %+v", listing.Anomalies)
	}
}
