package main

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/runbook"
)

func TestWatchTellsEachThingOnce(t *testing.T) {
	t.Parallel()
	for _, format := range []string{formatTable, formatJSON} {
		var out strings.Builder
		a := &app{streams: streams{out: &out}, format: format}
		status := statusWith(t, "x", "gate:restore")
		status.Steps = []runbook.StepReport{{Key: "1", Title: "Fence writes", State: runbook.StepRunning, Started: time.Unix(0, 0).UTC()}}
		shown, asked := map[string]runbook.StepState{}, map[string]bool{}
		a.showNews(status, shown, asked)
		a.showNews(status, shown, asked)
		if got := strings.Count(out.String(), "Fence writes"); got != 1 {
			t.Errorf("%s: the step is told %d times:\n%s", format, got, out.String())
		}
		status.Steps[0].State = runbook.StepDone
		a.showNews(status, shown, asked)
		if got := strings.Count(out.String(), "Fence writes"); got != 2 {
			t.Errorf("%s: its end is told %d times:\n%s", format, got-1, out.String())
		}
		if got := strings.Count(out.String(), "Restore?"); got != 1 {
			t.Errorf("%s: the question is asked %d times:\n%s", format, got, out.String())
		}
		if format == formatJSON && strings.Count(out.String(), "\n") != 3 {
			t.Errorf("not one line for each:\n%s", out.String())
		}
	}
}
