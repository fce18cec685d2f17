package archive_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]keyring.Mode{"cfb": keyring.CFB, "gcm": keyring.GCM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.populate()
			cfg := f.config(archive.Full)
			cfg.Mode = mode
			d, _ := f.backup(cfg)
			if d.Kind != archive.Full || d.Counter != 1 || d.Changed != 0 || d.Totals.ReusedBytes == 0 {
				t.Fatalf("descriptor %+v", d.Totals)
			}
			restore := f.restoreConfig(d.Set)
			restore.Last = []string{"global/pg_control"}
			result, err := archive.Restore(context.Background(), restore)
			must(t, err)
			f.same(restore)
			if result.BytesWritten != d.Totals.SourceBytes || len(result.Repairs) != 0 {
				t.Fatalf("wrote %d of %d bytes, repairs %v", result.BytesWritten, d.Totals.SourceBytes, result.Repairs)
			}
			if _, err := os.Stat(filepath.Join(restore.Target, ".holdfast-restore.json")); !os.IsNotExist(err) {
				t.Fatalf("marker: %v", err)
			}
		})
	}
}

func TestIncrementalStoresOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	full, _ := f.backup(f.config(archive.Full))
	must(t, os.WriteFile(filepath.Join(f.data, "base/1/new"), random(200_000, 99), 0o600))
	must(t, os.Remove(filepath.Join(f.data, "base/1/1001")))
	inc, stats := f.backup(f.config(archive.Incremental))
	if inc.Kind != archive.Incremental || stats.FullReason != "" || inc.Counter != 2 {
		t.Fatalf("kind %s, reason %q, counter %d", inc.Kind, stats.FullReason, inc.Counter)
	}
	if stored := inc.Totals.SourceBytes - inc.Totals.ReusedBytes; stored < 200_000 || stored > 201_000 {
		t.Fatalf("stored %d bytes for a change of 200 000", stored)
	}
	if len(inc.References) != 1 || inc.References[0] != full.Set {
		t.Fatalf("references %v", inc.References)
	}
	restore := f.restoreConfig(inc.Set)
	_, err := archive.Restore(context.Background(), restore)
	must(t, err)
	f.same(restore)
}

func TestIncrementalBecomesFull(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spoil func(f *fixture, index string)
		want  string
	}{
		"index lost":   {func(_ *fixture, index string) { _ = os.Remove(index) }, "no index"},
		"index forged": {func(f *fixture, index string) { flipFile(f.t, index, -5) }, "does not match its signature"},
		"head forged":  {func(f *fixture, index string) { flipFile(f.t, index, 200) }, "index"},
		"set gone": {func(f *fixture, _ string) {
			for _, dir := range f.dirs {
				f.each(dir, "set.json", func(path string) { must(f.t, os.Remove(path)) })
			}
		}, "in no store"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.populate()
			f.backup(f.config(archive.Full))
			c.spoil(f, filepath.Join(f.state, source, "index"))
			d, stats := f.backup(f.config(archive.Incremental))
			if d.Kind != archive.Full || !strings.Contains(stats.FullReason, c.want) || d.FullReason != stats.FullReason {
				t.Fatalf("kind %s, reason %q", d.Kind, d.FullReason)
			}
			if len(d.References) != 0 {
				t.Fatalf("references %v", d.References)
			}
		})
	}
}

func TestChainIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	f.backup(f.config(archive.Full))
	var kinds []string
	for range 4 {
		cfg := f.config(archive.Incremental)
		cfg.MaxIncrements = 2
		d, _ := f.backup(cfg)
		kinds = append(kinds, string(d.Kind))
	}
	if got := strings.Join(kinds, ","); got != "incremental,incremental,full,incremental" {
		t.Fatal(got)
	}
}

// L5, L15: an earlier part that is not whole in every store is not built upon.
func TestLostEarlierPartIsStoredAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	f.backup(f.config(archive.Full))
	f.each(f.dirs[1], "parts/00000000", func(path string) { must(t, os.Remove(path)) })
	d, _ := f.backup(f.config(archive.Incremental))
	if d.Totals.NewParts == 0 {
		t.Fatal("the lost part's content was referred to")
	}
	v, err := archive.Verify(context.Background(), archive.VerifyConfig{
		Stores: f.stores, Source: source, SetID: d.Set,
		Trusted: f.trust(), Depth: archive.Deep, Keys: keyring.NewPrivate(f.online),
	})
	must(t, err)
	if !v.Sound() || v.Slices != d.Totals.Slices {
		t.Fatalf("%+v", v)
	}
}

func TestCommittedSetIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	cfg := f.config(archive.Full)
	d, _ := f.backup(cfg)
	cfg.SetID = d.Set
	if _, err := archive.NewWriter(context.Background(), cfg); !failure.Is(err, failure.Exists) {
		t.Fatal(err)
	}
}

func TestReleasedKeysOpenAllowedSetsOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newFixture(t)
	f.populate()
	full, _ := f.backup(f.config(archive.Full))
	must(t, os.WriteFile(filepath.Join(f.data, "base/1/new"), random(1000, 5), 0o600))
	inc, _ := f.backup(f.config(archive.Incremental))
	host, err := keyring.NewEphemeral()
	must(t, err)
	own := archive.KeyItems(inc)[slices.IndexFunc(inc.Keys, func(k archive.KeyHeader) bool { return k.Set == inc.Set })]
	if err := archive.AllowSets(full)(own); !failure.Is(err, failure.Refused) {
		t.Fatalf("not allowed: %v", err)
	}
	own.Set = string(full.Set)
	if err := archive.AllowSets(full)(own); !failure.Is(err, failure.Refused) {
		t.Fatalf("one set's header in another's name: %v", err)
	}
	sealed, err := keyring.Release(ctx, host.Request(archive.KeyItems(inc)), keyring.NewPrivate(f.online))
	must(t, err)
	restore := f.restoreConfig(inc.Set)
	restore.Keys, err = host.Open(sealed)
	must(t, err)
	_, err = archive.Restore(ctx, restore)
	must(t, err)
	f.same(restore)
}

func flipFile(t testing.TB, path string, at int) {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	if at < 0 {
		at += len(content)
	}
	content[at] ^= 0x10
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, content, 0o600))
	must(t, os.Chmod(path, info.Mode()))
}
