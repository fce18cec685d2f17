package e2e_test

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// TestKilledAtEveryStep: every worker is killed at every step that it does, and
// the run goes on to the end it would have had, with nothing done twice.
func TestKilledAtEveryStep(t *testing.T) {
	h := protected(t, func(o *scenario.Options) {
		noticing(o)
		o.Size = dataset.Size{Experiments: 2_000, Results: 40_000, Models: 1_000} // so that a fetch is not over at once
	})
	h.within(t, 6*time.Minute)
	damage := h.damage(t, scenario.Delete)
	restored := filepath.Join(h.Primary.Workspace, "run-*", "data")
	reaper := newReaper(t, h, map[string]func() (bool, error){
		"postgres.FetchBase": there(filepath.Join(restored, "*")), "postgres.Replay": there(filepath.Join(restored, "postmaster.pid")),
		"postgres.SwapIn": h.portIsClosed,
	})
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	h.must(t, h.Follow(h.ctx, h.signer(t)))
	result := h.requireRecovered(t)
	reaper.kills.Wait()
	for _, step := range h.scheduled(t) {
		if reaper.deaths(step) == 0 {
			t.Errorf("no worker was killed at %s", step)
		}
	}
	h.requireOnce(t, result.Summary)
	h.requireCommitted(t)
	h.requireServing(t)
	h.requireProtected(t) // one new set, not two
	if aside, err := filepath.Glob(h.Primary.DataDir + ".damaged-*"); err != nil || len(directories(aside)) != 1 {
		t.Errorf("kept aside: %v, %v", aside, err)
	}
	h.requireTruth(t, damage)
}

// portIsClosed says that the cut-over is between the two clusters: nobody serves.
func (h *house) portIsClosed() (bool, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", h.Primary.Port))
	if err != nil {
		return true, nil //nolint:nilerr // which is what is waited for
	}
	return false, conn.Close()
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

// scheduled lists every step of the run that an activity did.
func (h *house) scheduled(t *testing.T) (steps []string) {
	t.Helper()
	seen := map[string]bool{}
	events := h.Client.GetWorkflowHistory(h.ctx, h.WorkflowID(), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		h.must(t, err)
		activity := event.GetActivityTaskScheduledEventAttributes()
		if step := stepOf(activity.GetActivityType().GetName(), activity.GetActivityId()); activity != nil && !seen[step] {
			seen[step] = true
			steps = append(steps, step)
		}
	}
	if len(steps) < 40 {
		t.Errorf("the run did %d steps only: %v", len(steps), steps)
	}
	return steps
}

// requireOnce: the timeline in the stores tells of each step once, and nothing is
// left to be undone.
func (h *house) requireOnce(t *testing.T, summary runbook.Summary) {
	t.Helper()
	stores, closeAll, err := binding.Stores(h.ctx, h.Plan)
	h.must(t, err)
	defer closeAll() //nolint:errcheck // only read
	run := stored.Run{WorkflowID: summary.WorkflowID, FirstRunID: summary.FirstRunID}
	entries, err := stored.Timeline(h.ctx, stores, run, summary.Head)
	h.must(t, err)
	done := map[string]int{}
	for _, entry := range entries {
		switch entry.Kind { //nolint:exhaustive // the others tell of no step
		case evidence.StepSucceeded:
			done[entry.Step]++
		case evidence.StepFailed, evidence.StepRetried, evidence.Finding:
			t.Errorf("entry %d: %s: %s %s", entry.Seq, entry.Kind, entry.Title, entry.Detail)
		}
	}
	for _, step := range summary.Steps {
		if done[step.Key] != 1 || step.State != runbook.StepDone {
			t.Errorf("step %s is %s, and %d times done on the timeline", step.Key, step.State, done[step.Key])
		}
	}
	pending, err := stored.Pending(h.ctx, stores, run)
	if err != nil || len(pending) > 0 {
		t.Errorf("not undone in the stores: %v, %v", pending, err)
	}
}
