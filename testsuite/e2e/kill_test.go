package e2e_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestKilledWorkerGoesOn kills the host's worker with SIGKILL while it fetches the
// backup and again in the middle of the cut-over. Temporal learns of a dead worker
// by its missing heartbeats, so each kill costs that time.
func TestKilledWorkerGoesOn(t *testing.T) {
	h := protected(t, func(o *scenario.Options) { o.Observation = 5 * time.Second })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), 4*time.Minute)
	defer cancel()
	h.ctx = ctx
	damage := h.damage(t, scenario.Delete)
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	signer := h.signer(t)
	killer := &killer{Signer: signer, house: h, t: t, at: map[string]bool{
		"Fetch the backup set into the workspace": true, "Cut over to the restored database": true,
	}}
	h.must(t, h.Follow(h.ctx, killer))
	h.requireRecovered(t)
	if retried := h.retried(t); retried < 2 {
		t.Errorf("%d activities were started again after 2 kills", retried)
	}
	h.requireServing(t)
	h.requireProtected(t) // one new set, not two
	if aside, err := filepath.Glob(h.Primary.DataDir + ".damaged-*"); err != nil || len(directories(aside)) != 1 {
		t.Errorf("kept aside: %v, %v", aside, err)
	}
	h.requireTruth(t, damage)
}

// killer kills the primary's worker when one of some steps begins, each once.
type killer struct {
	*scenario.Signer
	house *house
	t     *testing.T
	at    map[string]bool
}

func (k *killer) Step(step runbook.StepReport) {
	k.Signer.Step(step)
	if step.State != runbook.StepRunning || !k.at[step.Title] {
		return
	}
	delete(k.at, step.Title)
	k.t.Logf("kill the worker of %s at %q", k.house.Primary.Host, step.Title)
	k.house.must(k.t, k.house.Restart(k.house.ctx, k.house.Primary.Host))
}

// retried counts the activities that were started more than once.
func (h *house) retried(t *testing.T) int {
	t.Helper()
	count := 0
	events := h.Client.GetWorkflowHistory(h.ctx, h.WorkflowID(), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		h.must(t, err)
		if started := event.GetActivityTaskStartedEventAttributes(); started.GetAttempt() > 1 {
			count++
		}
	}
	return count
}

// directories drops log files, which lie beside the directories of their servers.
func directories(paths []string) (kept []string) {
	for _, path := range paths {
		if filepath.Ext(path) != ".log" {
			kept = append(kept, path)
		}
	}
	return kept
}
