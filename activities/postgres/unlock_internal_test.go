package postgres

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// TestRunsOwnKeyIsForgotten: it is kept for a killed restore, readable by its owner
// only, and gone from the cut-over on.
func TestRunsOwnKeyIsForgotten(t *testing.T) {
	t.Parallel()
	dir := pgtest.Dir(t)
	at := target{workspace: restore.Workspace{Dir: dir, Run: "run"}, host: plan.DatabaseHost{DataDir: dir}}
	if _, err := at.ephemeral(true); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, ephemeralFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if _, err := at.ephemeral(false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := at.forgetKey(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := at.ephemeral(false); !failure.Is(err, failure.NotFound) {
		t.Errorf("the key is still there: %v", err)
	}
}
