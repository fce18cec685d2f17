package file

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// recorded is a store that notes which directories it synced, and stops syncing,
// as a process that is killed does, where kill says so.
func recorded(t *testing.T, dir string, kill func(name string) bool) (*Store, *[]string) {
	t.Helper()
	s, err := Open(Config{Name: "disk", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var synced []string
	s.fsync = func(opened *os.File) error {
		name, err := filepath.Rel(dir, opened.Name())
		if err != nil {
			return err
		}
		if kill != nil && kill(name) {
			return errKilled
		}
		synced = append(synced, name)
		return opened.Sync()
	}
	return s, &synced
}

var errKilled = errors.New("killed before the sync")

func putText(t *testing.T, s *Store, key string) error {
	t.Helper()
	opts := store.PutOptions{SizeBytes: 4, SHA256: store.DigestOf([]byte("text"))}
	_, err := s.Put(t.Context(), key, strings.NewReader("text"), opts)
	return err
}

// A writer that was killed after it gave the object its name may have left a name
// that a power cut takes. Whoever says that the object is there has synced it before.
func TestWhatIsThereIsDurableBeforeItIsSaid(t *testing.T) {
	t.Parallel()
	dir, parent := t.TempDir(), "objects/v1/wal"
	killed, _ := recorded(t, dir, func(name string) bool { return name == parent })
	if err := putText(t, killed, "v1/wal/segment"); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	again, synced := recorded(t, dir, nil)
	if err := putText(t, again, "v1/wal/segment"); !failure.Is(err, failure.Exists) {
		t.Fatalf("put again: %v", err)
	}
	if !slices.Contains(*synced, parent) {
		t.Errorf("put said Exists and synced %v only", *synced)
	}
	looking, synced := recorded(t, dir, nil)
	if _, err := looking.Stat(t.Context(), "v1/wal/segment", ""); err != nil || !slices.Contains(*synced, parent) {
		t.Errorf("stat: %v, synced %v only", err, *synced)
	}
	failing, _ := recorded(t, dir, func(string) bool { return true })
	if err := putText(t, failing, "v1/wal/segment"); !errors.Is(err, errKilled) {
		t.Errorf("put where the disk does not sync: %v", err)
	}
	if _, err := failing.Stat(t.Context(), "v1/wal/segment", ""); !errors.Is(err, errKilled) {
		t.Errorf("stat where the disk does not sync: %v", err)
	}
}

// The same goes for a directory that somebody made and did not live to sync.
func TestDirectoriesOfAKilledWriterAreSyncedByTheNext(t *testing.T) {
	t.Parallel()
	for _, parent := range []string{"objects", "objects/v1", "sha256", "sha256/v1"} {
		dir := t.TempDir()
		killed, _ := recorded(t, dir, func(name string) bool { return name == parent })
		if err := putText(t, killed, "v1/wal/segment"); !errors.Is(err, errKilled) {
			t.Fatalf("killed at %s: %v", parent, err)
		}
		again, synced := recorded(t, dir, nil)
		if err := putText(t, again, "v1/wal/segment"); err != nil || !slices.Contains(*synced, parent) {
			t.Errorf("killed at %s, then %v, synced %v only", parent, err, *synced)
		}
	}
}

// Once is enough: a directory in use costs the one sync that its new name needs.
func TestDirectoryInUseIsSyncedOnceForEachObject(t *testing.T) {
	t.Parallel()
	s, synced := recorded(t, t.TempDir(), nil)
	if err := putText(t, s, "v1/wal/first"); err != nil {
		t.Fatal(err)
	}
	*synced = nil
	if err := putText(t, s, "v1/wal/second"); err != nil || !slices.Equal(*synced, []string{"sha256/v1/wal", "objects/v1/wal"}) {
		t.Errorf("%v, synced %v", err, *synced)
	}
}
