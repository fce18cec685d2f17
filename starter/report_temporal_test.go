package main

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
	"github.com/terragonlabs/holdfast/testsuite/temporaltest"
)

// told is what a run returns that wrote a report: its digests.
type told struct {
	Report *reporting.Written `json:"report"`
}

// telling is a run whose report is this text.
func telling(ctx workflow.Context, text string) (told, error) {
	info := workflow.GetInfo(ctx)
	key := reportKey(evidence.Run{WorkflowID: info.WorkflowExecution.ID, FirstRunID: info.FirstRunID})
	return told{&reporting.Written{Markdown: key, Digests: map[string]store.Digest{key: store.DigestOf([]byte(text))}}}, nil
}

func reportKey(run evidence.Run) string { return run.Folder() + "report/report.md" }

// TestReportIsComparedWithTemporal: what the stores hold is what the run recorded,
// or the command says which store differs, with both digests.
func TestReportIsComparedWithTemporal(t *testing.T) {
	server := temporaltest.Start(t)
	t.Setenv("TEMPORAL_ADDRESS", server.Address)
	h := newStores(t)
	stores := h.open(t)
	polling := worker.New(server.Client, controlQueue, worker.Options{})
	polling.RegisterWorkflow(telling)
	if err := polling.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(polling.Stop)

	const genuine, forged = "# Genuine\n", "# Forged\n"
	for _, test := range []struct {
		name          string
		cellar, annex string // what the stores hold; empty: nothing
		code          int
		out           string
		complaints    []string
	}{
		{"both", genuine, genuine, 0, genuine, nil},
		{"one lacks it", "", genuine, 0, genuine, []string{"store cellar does not give the report"}},
		{"one is forged", forged, genuine, failure.Corrupt.ExitCode(), genuine, []string{"store cellar", digest(forged), digest(genuine), "next:"}},
		{"both are forged", forged, forged, failure.Corrupt.ExitCode(), "", []string{digest(forged), digest(genuine)}},
		{"neither has it", "", "", failure.NotFound.ExitCode(), "", []string{"no store holds a report", "starter undo"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := start(t, server.Client, "recover/"+strings.ReplaceAll(test.name, " ", "-"), genuine)
			h.hold(t, stores, reportKey(run), map[string]string{"cellar": test.cellar, "annex": test.annex})
			code, out, complaints := starter(t, "report", "--plan", h.planFile, "--run", run.WorkflowID, "--first-run-id", run.FirstRunID)
			if code != test.code || out != test.out || strings.Contains(complaints, "not compared") {
				t.Errorf("ended with %d: %q\n%s", code, out, complaints)
			}
			for _, word := range test.complaints {
				if !strings.Contains(complaints, word) {
					t.Errorf("%q is not said: %s", word, complaints)
				}
			}
		})
	}
}

func TestReportThatStoresDisagreeOn(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1") // nobody listens there
	h := newStores(t)
	run := evidence.Run{WorkflowID: "recover/booking-desk", FirstRunID: "6f1c"}
	h.hold(t, h.open(t), reportKey(run), map[string]string{"cellar": "one\n", "annex": "another\n"})
	complaints := h.must(t, failure.Corrupt.ExitCode(), "report", "--run", run.WorkflowID)
	for _, word := range []string{"cellar", "annex", digest("one\n"), digest("another\n")} {
		if !strings.Contains(complaints, word) {
			t.Errorf("%q is not said: %s", word, complaints)
		}
	}
}

func start(t *testing.T, temporal client.Client, id, text string) evidence.Run {
	t.Helper()
	run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: controlQueue}, telling, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return evidence.Run{WorkflowID: id, FirstRunID: run.GetRunID()}
}

// hold puts a text of its own into each store.
func (h *house) hold(t *testing.T, stores []store.Store, key string, texts map[string]string) {
	t.Helper()
	for _, one := range stores {
		if texts[one.Name()] == "" {
			continue
		}
		if _, err := replicate.Put(t.Context(), []store.Store{one}, key, []byte(texts[one.Name()]), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
}

func digest(text string) string { return store.DigestOf([]byte(text)).String() }
