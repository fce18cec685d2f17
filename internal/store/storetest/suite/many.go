package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/store"
)

// The shape of a large listing: sets of parts.
const (
	manySets  = 100
	manyParts = 1000
)

// MakeFiles makes 100 000 empty files below base, which a server that keeps
// objects as files shows as objects. Putting them one by one takes minutes.
func MakeFiles(t *testing.T, base string) {
	t.Helper()
	for set := range manySets {
		dir := filepath.Join(base, fmt.Sprintf("set-%03d", set))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		// Links to one file per set cost no inode each.
		first := filepath.Join(dir, "part-00000")
		if err := os.WriteFile(first, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for part := 1; part < manyParts; part++ {
			if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("part-%05d", part))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// CountListing lists what MakeFiles made, in order and complete, and logs how
// long it took.
func CountListing(t *testing.T, s store.Store, opts store.ListOptions) {
	t.Helper()
	began, count, last := time.Now(), 0, ""
	for obj, err := range s.List(t.Context(), "", opts) {
		if err != nil {
			t.Fatal(err)
		}
		if obj.Key <= last {
			t.Fatalf("%s listed after %s", obj.Key, last)
		}
		last = obj.Key
		count++
	}
	if count != manySets*manyParts {
		t.Fatalf("listed %d objects, want %d", count, manySets*manyParts)
	}
	t.Logf("listed %d objects in %s (versions: %v)", count, time.Since(began), opts.Versions)
}
