package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

const source = "database"

// fixture is two directory stores, keys and a source tree with a tablespace.
type fixture struct {
	t          testing.TB
	dirs       []string // of the stores
	stores     []store.Store
	host       keyring.PrivateKey
	online     keyring.PrivateKey
	offline    keyring.PrivateKey
	recipients keyring.Recipients
	signer     keyring.Signer
	state      string
	data       string // main tree
	space      string // tablespace
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureIn(t, t.TempDir())
}

func newFixtureIn(t testing.TB, base string) *fixture {
	t.Helper()
	f := &fixture{t: t, state: filepath.Join(base, "state"), data: filepath.Join(base, "data"), space: filepath.Join(base, "space")}
	for _, name := range []string{"s3", "gcs"} {
		f.dirs = append(f.dirs, filepath.Join(base, name))
	}
	for _, dir := range append([]string{f.state, f.data, f.space}, f.dirs...) {
		must(t, os.Mkdir(dir, 0o700))
	}
	f.stores = openStores(t, f.dirs)
	for _, key := range []*keyring.PrivateKey{&f.host, &f.online, &f.offline} {
		made, err := keyring.Generate("test", "test@example.org")
		must(t, err)
		*key = made
	}
	var err error
	f.recipients, err = keyring.NewRecipients(f.online.Public(), f.offline.Public())
	must(t, err)
	f.signer, err = keyring.NewSigner(f.host)
	must(t, err)
	return f
}

func openStores(t testing.TB, dirs []string) []store.Store {
	t.Helper()
	stores := make([]store.Store, len(dirs))
	for i, dir := range dirs {
		s, err := file.Open(file.Config{Name: filepath.Base(dir), Dir: dir})
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		stores[i] = s
	}
	return stores
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// populate writes a tree with everything the format must carry.
func (f *fixture) populate() {
	f.t.Helper()
	write := func(dir, name string, content []byte, mode fs.FileMode) {
		full := filepath.Join(dir, name)
		must(f.t, os.MkdirAll(filepath.Dir(full), 0o750))
		must(f.t, os.WriteFile(full, content, 0o600))
		must(f.t, os.Chmod(full, mode))
		must(f.t, os.Chtimes(full, time.Time{}, time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)))
	}
	write(f.data, "PG_VERSION", []byte("15\n"), 0o600)
	write(f.data, "global/pg_control", random(8192, 1), 0o640)
	write(f.data, "base/1/empty", nil, 0o600)
	write(f.data, "base/1/read only", []byte("quiet"), 0o400)
	write(f.data, "base/1/odd \"name\"\n\\%41 \xff é", []byte("odd"), 0o600)
	write(f.data, "base/1/"+strings.Repeat("é", 120), []byte("long"), 0o600)
	write(f.data, "base/1/zeros", make([]byte, 600_000), 0o600)
	for i := range 40 {
		write(f.data, fmt.Sprintf("base/1/%d", 1000+i), random(8192*(i%5+1), uint64(i%7)), 0o600)
	}
	write(f.data, "base/16384/2000", random(1_500_000, 2), 0o600)
	write(f.data, "base/16384/2000.1", bytes.Repeat([]byte("telemetry row 17;"), 30_000), 0o600)
	must(f.t, os.MkdirAll(filepath.Join(f.data, "pg_tblspc"), 0o700))
	must(f.t, os.Mkdir(filepath.Join(f.data, "pg_twophase"), 0o710))
	must(f.t, os.Symlink("../PG_VERSION", filepath.Join(f.data, "base", "link")))
	must(f.t, os.Symlink(f.space, filepath.Join(f.data, "pg_tblspc", "16400")))
	write(f.space, "PG_15/5/3000", random(300_000, 3), 0o600)
	must(f.t, os.Mkdir(filepath.Join(f.space, "PG_15", "empty"), 0o700))
}

func random(n int, seed uint64) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
	return data
}

func (f *fixture) config(kind archive.Kind) archive.Config {
	return archive.Config{
		Source: source, Kind: kind, Stores: f.stores, StateDir: f.state, Recipients: f.recipients,
		Signer: f.signer, SliceBytes: 64 << 10, PartBytes: 512 << 10,
	}
}

// files walks the main tree and the tablespace.
func (f *fixture) files(policy archive.Policy) iter.Seq2[archive.File, error] {
	data, err := os.OpenRoot(f.data)
	must(f.t, err)
	space, err := os.OpenRoot(f.space)
	must(f.t, err)
	f.t.Cleanup(func() { _ = data.Close(); _ = space.Close() })
	return func(yield func(archive.File, error) bool) {
		for file, err := range archive.Walk(data, "", policy, nil) {
			if !yield(file, err) {
				return
			}
		}
		for file, err := range archive.Walk(space, "pg_tblspc/16400", policy, nil) {
			if !yield(file, err) {
				return
			}
		}
	}
}

func (f *fixture) backup(cfg archive.Config) (*archive.Descriptor, archive.Stats) {
	f.t.Helper()
	w, err := archive.NewWriter(context.Background(), cfg)
	must(f.t, err)
	defer func() { must(f.t, w.Close()) }()
	must(f.t, w.Add(context.Background(), f.files(archive.Live)))
	must(f.t, w.AddBytes(context.Background(), "backup_label", []byte("START WAL LOCATION: 0/2000028\n")))
	d, stats, err := w.Commit(context.Background(), archive.Attributes{Extra: map[string]string{"why": "test <&>"}})
	must(f.t, err)
	return d, stats
}

func (f *fixture) trust() keyring.Trust { return keyring.TrustAlways(f.host.Public()) }

func (f *fixture) restoreConfig(set archive.SetID) archive.RestoreConfig {
	base := f.t.TempDir()
	return archive.RestoreConfig{
		Stores: f.stores, Source: source, SetID: set, Trusted: f.trust(),
		Keys: keyring.NewPrivate(f.offline), Target: filepath.Join(base, "data"),
		Map: map[string]string{"pg_tblspc/16400": filepath.Join(base, "space")},
	}
}

// snapshot describes a tree: type, mode, time, target and content by path.
func snapshot(t testing.TB, dir string, ignore ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		for _, skip := range ignore {
			if rel == skip {
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}
			if !filepath.IsAbs(target) { // mapped links point elsewhere by design
				line += " " + target
			}
		case info.Mode().IsRegular():
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s %d %s", info.ModTime().UTC().Format(time.RFC3339Nano), len(content), store.DigestOf(content))
		}
		found[rel] = line
		return nil
	}))
	return found
}

// same fails unless a restore is what the source was.
func (f *fixture) same(cfg archive.RestoreConfig) {
	f.t.Helper()
	if diff := cmp.Diff(snapshot(f.t, f.data), snapshot(f.t, cfg.Target, "backup_label")); diff != "" {
		f.t.Fatalf("data differs (-source +restored):\n%s", diff)
	}
	if diff := cmp.Diff(snapshot(f.t, f.space), snapshot(f.t, cfg.Map["pg_tblspc/16400"]), cmp.FilterPath(rootOnly, cmp.Ignore())); diff != "" {
		f.t.Fatalf("tablespace differs (-source +restored):\n%s", diff)
	}
}

// rootOnly is the tablespace's own directory, which the caller of a restore made.
func rootOnly(p cmp.Path) bool { return strings.Contains(p.GoString(), `["."]`) }

// each runs do for every object of a store whose key contains part.
func (f *fixture) each(dir, part string, do func(path string)) {
	f.t.Helper()
	must(f.t, filepath.WalkDir(filepath.Join(dir, "objects"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(name, part) {
			do(name)
		}
		return err
	}))
}
