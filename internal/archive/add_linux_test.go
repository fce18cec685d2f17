package archive_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
)

// Files that were opened ahead for a reading that then failed are closed again.
func TestFailedReadingLeavesNoFileOpen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cfg := f.config(archive.Full)
	cfg.Workers = 1
	cfg.Inspect = func(string, int64, []byte) []archive.Damage {
		cancel()
		return nil
	}
	w, err := archive.NewWriter(context.Background(), cfg)
	must(t, err)
	defer func() { must(t, w.Close()) }()
	if err := w.Add(ctx, f.files(archive.Live)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	handles, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, handle := range handles {
		// One that was closed meanwhile is none of these.
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", handle.Name())); err == nil && strings.HasPrefix(name, f.data+"/") {
			t.Errorf("%s is still open", name)
		}
	}
}
