package page_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	tests := map[string]*page.RelFile{
		"base/5/16384":      {Tablespace: 1663, Database: 5, Node: 16384, Fork: page.Main},
		"base/5/16384.3":    {Tablespace: 1663, Database: 5, Node: 16384, Fork: page.Main, Segment: 3},
		"base/5/16384_fsm":  {Tablespace: 1663, Database: 5, Node: 16384, Fork: page.FreeSpace},
		"base/5/16384_init": {Tablespace: 1663, Database: 5, Node: 16384, Fork: page.Init},
		"global/1262":       {Tablespace: 1664, Node: 1262, Fork: page.Main},
		"pg_tblspc/16400/PG_15_202209061/5/16401_vm": {Tablespace: 16400, Database: 5, Node: 16401, Fork: page.Visibility},
		"base/5/t3_16384":                 nil,
		"base/5/pg_filenode.map":          nil,
		"global/pg_control":               nil,
		"base/5/99999999999":              nil,
		"base/pgsql_tmp/pgsql_tmp1.0":     nil,
		"pg_wal/000000010000000000000001": nil,
	}
	for path, want := range tests {
		got, ok := page.ParsePath(path)
		if ok != (want != nil) || ok && got != *want {
			t.Errorf("ParsePath(%s) = %+v, %v; want %+v", path, got, ok, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("pg_tblspc/16400/PG_15_202209061/5/16401.2")
	f.Fuzz(func(t *testing.T, path string) {
		if file, ok := page.ParsePath(path); ok && file.Node == 0 {
			t.Errorf("%q has no relation", path)
		}
	})
}

// TestEveryPageOfARealClusterIsGood compares with what PostgreSQL itself wrote.
func TestEveryPageOfARealClusterIsGood(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE TABLE t AS SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g", "CREATE INDEX ON t (g)")
	server.Stop(t)
	good := 0
	err := filepath.WalkDir(server.DataDir, func(path string, entry fs.DirEntry, err error) error {
		relative, _ := filepath.Rel(server.DataDir, path)
		file, ok := page.ParsePath(relative)
		if err != nil || !ok {
			return err
		}
		content, err := os.ReadFile(path)
		for block := 0; block*page.Size < len(content); block++ {
			if page.Check(content[block*page.Size:][:page.Size], file.FirstBlock(131072)+uint32(block)) == page.Bad {
				t.Errorf("%s block %d is bad", path, block)
			}
			good++
		}
		return err
	})
	if err != nil || good < 1000 {
		t.Errorf("%d pages, %v", good, err)
	}
}

func TestOneFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), page.Size, page.Size).Draw(t, "page")
		block := rapid.Uint32().Draw(t, "block")
		content[14] = 1
		sum := page.Checksum(content, block)
		content[8], content[9] = byte(sum), byte(sum>>8)
		if page.Check(content, block) != page.Good {
			t.Fatal("a page with its own checksum is not good")
		}
		content[rapid.IntRange(16, page.Size-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if page.Check(content, block) != page.Bad {
			t.Fatal("a flipped bit is not found")
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	content := make([]byte, page.Size)
	b.SetBytes(page.Size)
	for b.Loop() {
		page.Checksum(content, 7)
	}
}
