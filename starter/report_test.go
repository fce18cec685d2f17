package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

func TestReportWithoutTemporalSaysThatItWasNotCompared(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1") // nobody listens there
	h := newStores(t)
	stores := h.open(t)
	run := evidence.Run{WorkflowID: "recover/booking-desk", FirstRunID: "6f1c"}
	h.must(t, failure.NotFound.ExitCode(), "report", "--run", run.WorkflowID)
	const text = "# Drill report\n\n|\ta\t|\n"
	if _, err := replicate.Put(t.Context(), stores, run.Folder()+"report/report.md", []byte(text), time.Time{}); err != nil {
		t.Fatal(err)
	}
	code, out, complaints := starter(t, "report", "--run", run.WorkflowID, "--plan", h.planFile)
	if code != 0 || out != text || !strings.Contains(complaints, "not compared") {
		t.Errorf("ended with %d: %q, %q", code, out, complaints)
	}
	dir := filepath.Join(t.TempDir(), "kept")
	args := []string{"report", "--run", run.WorkflowID, "--out", dir, "-o", "json"}
	kept := decode[fetched](t, h.must(t, 0, args...))
	if got, err := os.ReadFile(kept.File); err != nil || string(got) != text || kept.Compared || kept.Why == "" {
		t.Errorf("kept %+v: %q, %v", kept, got, err)
	}
	h.must(t, failure.Exists.ExitCode(), args...)
	h.must(t, failure.NotFound.ExitCode(), "report", "--run", run.WorkflowID, "--format", "html")
}
