package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/walship"
)

// TestRepairsThatCannotBeReadAreNotNone: an unreadable log is unknown, and one
// damaged line does not hide the others.
func TestRepairsThatCannotBeReadAreNotNone(t *testing.T) {
	t.Parallel()
	const line = `{"at":"2026-03-01T10:15:00Z","object":"v1/db/wal/x","store":"cellar","reason":"changed"}` + "\n"
	for name, row := range map[string]struct {
		write func(path string) error
		want  []string
	}{
		"no log":         {func(string) error { return nil }, nil},
		"one":            {func(path string) error { return os.WriteFile(path, []byte(line), 0o600) }, []string{"v1/db/wal/x of store cellar: changed"}},
		"a damaged line": {func(path string) error { return os.WriteFile(path, []byte(line+`{"at":"20`), 0o600) }, []string{"v1/db/wal/x", "unknown"}},
		"no file":        {func(path string) error { return os.Mkdir(path, 0o700) }, []string{"unknown"}},
		"too many":       {func(path string) error { return os.WriteFile(path, []byte(strings.Repeat(line, maxFindings+2)), 0o600) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &feed{spool: t.TempDir()}
			if err := row.write(filepath.Join(f.spool, walship.RepairsFile)); err != nil {
				t.Fatal(err)
			}
			got := f.repairs()
			if name == "too many" {
				if len(got) != maxFindings+1 || got[maxFindings] != "and 2 more" {
					t.Errorf("%d lines end with %q", len(got), got[len(got)-1])
				}
				return
			}
			if len(got) != len(row.want) {
				t.Fatalf("%q, want %q", got, row.want)
			}
			for i, part := range row.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("%q, want %q in it", got[i], part)
				}
			}
		})
	}
}
