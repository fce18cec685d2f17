package e2e_test

import (
	"strings"
	"testing"
)

// ending is how a run ended that did not recover, as its report must tell it.
type ending struct {
	outcome string
	why     string
	undone  []string // titles
}

// fetched is what `starter report -o json` prints.
type fetched struct {
	Compared bool   `json:"compared"`
	Why      string `json:"why"`
	Text     string `json:"text"`
}

// requireReport: a run that ended with an error has a report all the same, which
// is found and compared with what the run recorded.
func (h *house) requireReport(t *testing.T, runID string, want ending) {
	t.Helper()
	var found fetched
	h.must(t, h.Starter(h.ctx, &found, "report", "--run", h.WorkflowID(), "--first-run-id", runID))
	if !found.Compared {
		t.Errorf("the report was not compared with what the run recorded: %s", found.Why)
	}
	lines := []string{"- **Outcome**: " + want.outcome + ": ", want.why, "- **RTO Achieved**: unknown", "- **Success Criteria Met**: ", "## What Was Undone", ", key SHA256:", "| Timeline head | entry "}
	for _, line := range append(lines, want.undone...) {
		if !strings.Contains(unescaped(found.Text), line) {
			t.Errorf("the report does not say %q", line)
		}
	}
	for _, line := range []string{"**Success Criteria Met**: Yes", "NOT undone", "| Head kept in | unknown"} {
		if strings.Contains(found.Text, line) {
			t.Errorf("the report says %q", line)
		}
	}
	if t.Failed() {
		t.Logf("%.20000s", found.Text)
	}
}

// unescaped takes the escapes of Markdown out of a text.
func unescaped(text string) string { return strings.ReplaceAll(text, "\\", "") }
