package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// steadfast answers what a recovery asks, as people would who know that things
// break: a step that failed is tried again once what was broken is whole.
type steadfast struct {
	*bed
	t *testing.T
	// whole waits until nothing is broken; nil: nothing is.
	whole func()
	// gate is told of each gate before it is answered; nil: nobody.
	gate func(question runbook.OpenQuestion)

	failed []string // steps that were put to people, with why
	steps  map[string]runbook.StepReport
}

// Step implements scenario.Watcher.
func (s *steadfast) Step(step runbook.StepReport) {
	if s.steps == nil {
		s.steps = map[string]runbook.StepReport{}
	}
	s.steps[step.Key] = step
	if step.State != runbook.StepRunning {
		s.t.Logf("%6s %-7s %s (attempt %d) %.200s", step.Ended.Sub(step.Started).Round(1e6), step.State, step.Title, step.Attempts, step.Error)
	}
}

// Asked implements scenario.Watcher. Where a command cannot reach what it needs,
// the question is still there at the next look.
func (s *steadfast) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	err := s.answer(ctx, status, question)
	var refused *scenario.RefusedError
	if errors.As(err, &refused) && (refused.Class == failure.Unavailable || strings.Contains(refused.Message, "settled already")) || failure.Is(err, failure.Unavailable) {
		s.t.Logf("the answer to %q did not arrive: %v", question.Title, err)
		return nil
	}
	return err
}

func (s *steadfast) answer(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	if slices.Contains(question.Accepts, approval.Resolve) {
		put := said(question)
		s.failed = append(s.failed, put)
		s.t.Logf("put to people: %s", put)
		if s.whole != nil {
			s.whole()
		}
		person, err := s.Person(status, question, approval.Resolve)
		if err != nil {
			return err
		}
		return s.Decide(ctx, nil, approval.Resolve, question, person, "--retry", "--reason", "it is whole again")
	}
	if s.gate != nil {
		s.gate(question)
	}
	return (&scenario.Signer{Scenario: s.Scenario}).Asked(ctx, status, question)
}

// said is what people are shown of a step that failed.
func said(question runbook.OpenQuestion) string {
	var step struct {
		Title string        `json:"title"`
		Class failure.Class `json:"class"`
		Error string        `json:"error"`
		Hint  string        `json:"hint"`
	}
	if err := json.Unmarshal([]byte(question.Choice), &step); err != nil {
		return question.Title + ": " + question.Choice
	}
	return fmt.Sprintf("%q failed as %s: %.160s; hint: %s", step.Title, step.Class, step.Error, step.Hint)
}

// aside counts the directories that recoveries have put aside.
func (b *bed) aside(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob(b.Primary.DataDir + ".damaged-*")
	must(t, err)
	return len(slices.DeleteFunc(found, func(path string) bool { return filepath.Ext(path) == ".log" }))
}

// recovered is a recovery under way and what was there before it.
type recovered struct {
	damage scenario.Damage
	sets   []recovery.SetSummary
	aside  int
}

// damaged damages the database, has the application write on, and starts the runbook.
func (b *bed) damaged(t *testing.T, kind scenario.Kind, further ...string) recovered {
	t.Helper()
	b.serving(t)
	must(t, b.write(5))
	damage, err := b.Damage(b.ctx, kind)
	must(t, err)
	must(t, b.write(5))
	return b.run(t, damage, further...)
}

// run starts the runbook for damage that was done.
func (b *bed) run(t *testing.T, damage scenario.Damage, further ...string) recovered {
	t.Helper()
	sets, err := b.Sets(b.ctx)
	must(t, err)
	r := recovered{damage: damage, sets: sets, aside: b.aside(t)}
	_, err = b.Start(b.ctx, damage, further...)
	must(t, err)
	return r
}

// require judges a recovery that has ended, by what is known from outside: no row
// acknowledged before the damage is gone, every row the damage took is back, the
// databases were swapped once, nothing is left to undo, no set is lost, a report
// that says so is in the stores, and the application writes.
func (r recovered) require(t *testing.T, b *bed) (databasecorruption.Result, scenario.Report) {
	t.Helper()
	result, err := b.Result(b.ctx)
	must(t, err)
	if result.Summary.Outcome != runbook.Recovered || len(result.Summary.UndosLeft) > 0 {
		t.Errorf("outcome %s: %s; not undone: %v", result.Summary.Outcome, result.Summary.Problem, result.Summary.UndosLeft)
	}
	must(t, b.write(5))
	b.Application.Stop()
	b.serving(t)
	truth, err := b.Judge(b.ctx, r.damage)
	must(t, err)
	if !truth.Whole || truth.BeforeDamage != 0 {
		t.Errorf("every row the damage took is back: %v; rows acknowledged before it and gone: %d", truth.Whole, truth.BeforeDamage)
	}
	b.anew()
	if now := b.aside(t); now != r.aside+1 {
		t.Errorf("%d directories were put aside, want one", now-r.aside)
	}
	r.requireSets(t, b)
	b.requireNoUndo(t, result.Summary)
	found := b.report(t, result)
	must(t, b.write(5))
	return result, found
}

// report reads the run's report from every store, unless the run itself says which
// one did not take it.
func (b *bed) report(t *testing.T, result databasecorruption.Result) scenario.Report {
	t.Helper()
	if result.Report == nil || len(result.Report.Stores) == 0 {
		t.Fatal("the run wrote no report")
	}
	found, err := b.ReadReport(b.ctx, result.Report)
	if err != nil && len(result.Report.Problems) == 0 {
		t.Errorf("the run says that all stores hold its report: %v", err)
	}
	return found
}

func (r recovered) requireSets(t *testing.T, b *bed) {
	t.Helper()
	now, err := b.Sets(b.ctx)
	must(t, err)
	there := map[string]bool{}
	for _, set := range now {
		there[set.ID] = len(set.Stores) == len(b.Plan.Stores)
	}
	for _, set := range r.sets {
		if !there[set.ID] {
			t.Errorf("set %s is not in every store any more", set.ID)
		}
	}
	if len(now) <= len(r.sets) {
		t.Errorf("%d sets, there were %d before: the recovered database was not backed up", len(now), len(r.sets))
	}
}

// requireNoUndo asks the stores, not the run.
func (b *bed) requireNoUndo(t *testing.T, summary runbook.Summary) {
	t.Helper()
	stores, closeAll, err := binding.Stores(b.ctx, b.Plan)
	must(t, err)
	defer closeAll() //nolint:errcheck // only read
	left, err := stored.Pending(b.ctx, stores, stored.Run{WorkflowID: summary.WorkflowID, FirstRunID: summary.FirstRunID})
	if err != nil || len(left) > 0 {
		t.Errorf("not undone in the stores: %v, %v", left, err)
	}
}

// follow follows the run to its end.
func (b *bed) follow(t *testing.T, watcher scenario.Watcher) {
	t.Helper()
	must(t, b.Follow(b.ctx, watcher))
}

// brief says in a few words how a recovery went.
func brief(result databasecorruption.Result, s *steadfast) string {
	if len(s.failed) == 0 {
		return fmt.Sprintf("%s in %d steps, nothing put to people", result.Summary.Outcome, len(result.Summary.Steps))
	}
	return fmt.Sprintf("%s in %d steps, %d of them put to people and tried again", result.Summary.Outcome, len(result.Summary.Steps), len(s.failed))
}
