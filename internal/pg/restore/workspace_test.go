package restore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
)

func TestWorkspaceIsMadeOnceProvedAndRemoved(t *testing.T) {
	t.Parallel()
	owner, dir := pgtest.Owner(t), filepath.Join(pgtest.Dir(t), "w")
	nothing := func() error { return nil }
	if _, err := restore.Prepare(owner, dir, "run-1", 1<<60); !failure.Is(err, failure.InsufficientSpace) {
		t.Errorf("Prepare of an exbibyte = %v, want InsufficientSpace", err)
	}
	w, err := restore.Prepare(owner, dir, "run-1", 1<<20)
	if err != nil || !w.Created || w.NeedBytes <= 1<<20 {
		t.Fatalf("Prepare = %+v, %v", w, err)
	}
	if again, err := restore.Prepare(owner, dir, "run-1", 1<<20); err != nil || again.Created {
		t.Errorf("Prepare again = %+v, %v", again, err)
	}
	if _, err := restore.Prepare(owner, dir, "run-2", 1<<20); !failure.Is(err, failure.Exists) {
		t.Errorf("Prepare for another run = %v, want Exists", err)
	}
	stranger := w
	stranger.Run = "run-2"
	if err := restore.Remove(stranger, nothing); !failure.Is(err, failure.Refused) {
		t.Errorf("Remove by another run = %v, want Refused", err)
	}
	for range 2 {
		if err := restore.Remove(w, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the workspace is still there: %v", err)
	}
}
