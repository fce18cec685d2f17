package e2e_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// TestKilledWorkerGoesOn kills the host's worker with SIGKILL while it fetches the
// backup and again in the middle of the cut-over. Temporal learns of a dead worker
// by its missing heartbeats, so each kill costs that time.
func TestKilledWorkerGoesOn(t *testing.T) {
	h := protected(t, func(o *scenario.Options) {
		o.Size = dataset.Size{Experiments: 2_000, Results: 40_000, Models: 1_000} // so that a fetch is not over at once
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), 4*time.Minute)
	defer cancel()
	h.ctx = ctx
	damage := h.damage(t, scenario.Delete)
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	signer := h.signer(t)
	killer := &killer{Signer: signer, house: h, t: t, at: map[string]func() (bool, error){
		"Fetch the backup set into the workspace": h.filesArrive, "Cut over to the restored database": h.portIsClosed,
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

// filesArrive says that a set is being restored: its first files are there.
func (h *house) filesArrive() (bool, error) {
	found, err := filepath.Glob(filepath.Join(h.Primary.Workspace, "run-*", "data", "*"))
	return len(found) > 0, err
}

// portIsClosed says that the cut-over is between the two clusters: nobody serves.
func (h *house) portIsClosed() (bool, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", h.Primary.Port))
	if err != nil {
		return true, nil //nolint:nilerr // which is what is waited for
	}
	return false, conn.Close()
}

// killer kills the primary's worker in the middle of some steps, each once: when
// the step has begun and what tells its middle is so.
type killer struct {
	*scenario.Signer
	house *house
	t     *testing.T
	at    map[string]func() (bool, error)
}

func (k *killer) Step(step runbook.StepReport) {
	k.Signer.Step(step)
	middle, wanted := k.at[step.Title]
	if step.State != runbook.StepRunning || !wanted {
		return
	}
	delete(k.at, step.Title)
	k.house.await(k.t, "the middle of "+step.Title, middle)
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
