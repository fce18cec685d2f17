package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

// BenchmarkListAmong100000 looks for what a fetch of one WAL segment looks for, and
// for what a fetch of the newest does, in a directory of 100 000 segments.
func BenchmarkListAmong100000(b *testing.B) {
	dir := b.TempDir()
	s, err := file.Open(file.Config{Name: "one", Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	const folder = "v1/db/wal/1/00000001/"
	below := filepath.Join(dir, "objects", filepath.FromSlash(folder))
	if err := os.MkdirAll(below, 0o700); err != nil {
		b.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("00000001%016X-", i) }
	for i := range 100_000 {
		if err := os.WriteFile(filepath.Join(below, name(i)+"0123.zst.pgp"), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for what, opts := range map[string]struct {
		prefix, after string
		want          int
	}{
		"one":    {folder + name(50_000), "", 1},
		"newest": {folder, folder + name(99_990), 10},
		"all":    {folder, "", 100_000},
	} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				found := 0
				for _, err := range s.List(b.Context(), opts.prefix, store.ListOptions{After: opts.after}) {
					if err != nil {
						b.Fatal(err)
					}
					found++
				}
				if found != opts.want {
					b.Fatalf("listed %d objects, want %d", found, opts.want)
				}
			}
		})
	}
}
