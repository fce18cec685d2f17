package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

const (
	planFile = "../../deploy/plans/ai-scientist.yaml"
	// limit of one test: a run that stands still fails it.
	limit = 3 * time.Minute
)

// house is a scenario under test.
type house struct {
	*scenario.Scenario
	ctx context.Context
}

// protected opens a scenario that is backed up and written to.
func protected(t *testing.T, change func(*scenario.Options)) *house {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	begin := time.Now()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	options := scenario.Options{PlanFile: planFile, BinDir: dir, Size: dataset.Small(), Told: func(command string) { t.Logf("%5.1fs $ %s", time.Since(begin).Seconds(), command) }}
	if change != nil {
		change(&options)
	}
	s, err := scenario.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHouse(t, s) })
	h := &house{Scenario: s, ctx: ctx}
	h.must(t, s.Load(ctx))
	h.must(t, s.Protect(ctx))
	made, err := s.BackUp(ctx)
	h.must(t, err)
	t.Logf("%5.1fs set %s: %d bytes in %s", time.Since(begin).Seconds(), made.Set.ID, made.Set.SizeBytes, made.Took)
	h.must(t, s.WriteOn(ctx, 40))
	return h
}

// within gives a test more time than limit.
func (h *house) within(t *testing.T, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	h.ctx = ctx
}

func closeHouse(t *testing.T, s *scenario.Scenario) {
	t.Helper()
	if !t.Failed() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	logs, err := s.CloseKeepingLogs()
	t.Logf("logs: %s (%v)", logs, err)
}

func (h *house) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// damage damages the database and lets the application write on for a while.
func (h *house) damage(t *testing.T, kind scenario.Kind) scenario.Damage {
	t.Helper()
	done, err := h.Damage(h.ctx, kind)
	h.must(t, err)
	t.Logf("%s (log %s to %s)", done.What, done.Before, done.After)
	h.must(t, h.WriteOn(h.ctx, 20))
	return done
}

// signer answers every question and logs what happens.
func (h *house) signer(t *testing.T) *scenario.Signer {
	t.Helper()
	return &scenario.Signer{Scenario: h.Scenario, Heard: func(step runbook.StepReport) {
		if step.State == runbook.StepRunning {
			return
		}
		t.Logf("%8s %-7s %s %s", step.Ended.Sub(step.Started).Round(time.Millisecond), step.State, step.Title, step.Error)
	}, Answered: func(question runbook.OpenQuestion, kind approval.Kind, person string) {
		t.Logf("%s: %s by %s", question.Title, kind, person)
	}}
}
