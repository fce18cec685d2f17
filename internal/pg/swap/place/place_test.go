package place_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

func TestMoveNeverReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := place.Move(from, to); !failure.Is(err, failure.Exists) {
		t.Errorf("Move over an empty directory = %v, want Exists", err)
	}
	if err := os.Remove(to); err != nil {
		t.Fatal(err)
	}
	if err := place.Move(from, to); err != nil {
		t.Fatal(err)
	}
	if err := place.Move(from, to+"2"); !failure.Is(err, failure.NotFound) {
		t.Errorf("Move of nothing = %v, want NotFound", err)
	}
}

func TestOtherFileSystemIsRefused(t *testing.T) {
	t.Parallel()
	if err := place.RequireOneFileSystem(t.TempDir(), "/proc"); !failure.Is(err, failure.InvalidInput) || failure.HintOf(err) == "" {
		t.Errorf("RequireOneFileSystem = %v, want InvalidInput with a hint", err)
	}
}

func TestLinkIsNoDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := place.RequireDirectory(link); !failure.Is(err, failure.InvalidInput) {
		t.Errorf("RequireDirectory = %v, want InvalidInput", err)
	}
}

func TestLockIsHeldOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	release, err := place.Lock(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := place.Lock(data); !failure.Is(err, failure.Unavailable) {
		t.Errorf("second Lock = %v, want Unavailable", err)
	}
	release()
	again, err := place.Lock(data)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
