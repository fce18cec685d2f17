package replay_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/testsuite/replay"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

const workflows = "../../workflows"

// TestRecordedHistoriesReplay is the release gate: every run that was recorded
// from a landed commit replays on this one, for such runs may be in flight.
func TestRecordedHistoriesReplay(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(databasecorruption.Run, workflow.RegisterOptions{Name: databasecorruption.Name})
	folders := map[string]bool{}
	err := filepath.WalkDir(workflows, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "replay" && filepath.Base(filepath.Dir(path)) == "testdata" {
			folders[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !folders[filepath.Join(workflows, "recovery", "databasecorruption", "testdata", "replay")] {
		t.Error("no history of the runbook for a corrupted database; record one: go test ./testsuite/e2e -run TestBadMigration -args -record")
	}
	for folder := range folders {
		count, err := replay.Files(replayer, folder)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s: %d histories", folder, count)
	}
}
