package e2e_test

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/replay"
)

// record keeps the histories of this run for the replay test. Histories hold
// paths of the run directory: set TMPDIR to a place that says nothing about you.
var record = flag.Bool("record", false, "keep histories under testdata/replay of the workflow's package")

const histories = "../../workflows/recovery/databasecorruption/testdata/replay"

// keepHistory records the run, where asked to. A history that is there already is
// an error: recorded ones are never changed.
func (h *house) keepHistory(t *testing.T, name string) {
	t.Helper()
	if !*record {
		return
	}
	history, err := replay.Fetch(h.ctx, h.Client, h.WorkflowID(), "")
	h.must(t, err)
	h.must(t, replay.Record(history, filepath.Join(histories, name+".json")))
}

// await looks until something is so, or the test's time is over.
func (h *house) await(t *testing.T, what string, look func() (bool, error)) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := look()
		if done {
			return
		}
		select {
		case <-h.ctx.Done():
			t.Fatalf("waiting for %s: %v", what, err)
		case <-tick.C:
		}
	}
}
