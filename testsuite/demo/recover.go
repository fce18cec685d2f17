package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// shownLines is how much of a choice the demo prints; starter prints all of it.
const shownLines = 30

// recover starts the runbook and follows it to its end.
func (s *story) recover(ctx context.Context) error {
	s.screen.title("The recovery")
	begin := time.Now()
	started, err := s.Start(ctx, s.damage)
	if err != nil {
		return err
	}
	s.screen.line("    %s started; watch it at %s/namespaces/%s/workflows/%s/%s", started.WorkflowID,
		s.Temporal.UI, s.Temporal.Namespace, strings.ReplaceAll(started.WorkflowID, "/", "%2F"), started.RunID)
	var watcher scenario.Watcher = &scenario.Signer{Scenario: s.Scenario, Heard: s.heard, Answered: s.answered}
	if s.wish.sign {
		watcher = &person{story: s, asked: map[string]bool{}}
	}
	if err := s.Follow(ctx, watcher); err != nil {
		return err
	}
	s.screen.stages = append(s.screen.stages, stage{"Recover it", time.Since(begin)})
	return nil
}

// heard prints a step that is over. What only mirrors the run's own records is
// left out: the timeline has it.
func (s *story) heard(step runbook.StepReport) {
	if step.State == runbook.StepRunning || strings.HasPrefix(step.Title, "Mirror undo: ") {
		return
	}
	took := step.Ended.Sub(step.Started)
	if step.State == runbook.StepDone {
		s.screen.step(green, "✓", step.Title, took, step.On)
		return
	}
	s.screen.step(red, "✗", step.Title, took, step.Error)
}

// answered prints who decided what.
func (s *story) answered(question runbook.OpenQuestion, kind approval.Kind, person string) {
	s.screen.line("    %s %s: %s by %s, signed", s.screen.paint(yellow, "⚑"), s.screen.paint(bold, question.Title), kind, person)
}

// person stops at every question and prints the commands that answer it.
type person struct {
	*story
	asked map[string]bool // by question and number of approvals so far
}

// Step implements scenario.Watcher.
func (p *person) Step(step runbook.StepReport) { p.heard(step) }

// Asked implements scenario.Watcher. It sends nothing: whoever sits before the
// screen does, from another terminal.
func (p *person) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	at := fmt.Sprintf("%s/%d", question.Key, len(question.Approved))
	if p.asked[at] || scenario.Early(status, question.Accepts[0]) {
		return nil
	}
	p.asked[at] = true
	s := p.screen
	s.line("\n    %s %s", s.paint(yellow, "?"), s.paint(bold, question.Title))
	s.note("%d more of %s; open until %s", question.Missing, strings.Join(question.Roles, ", "), until(question.ExpiresAt))
	lines := strings.Split(question.Choice, "\n")
	for _, line := range lines[:min(len(lines), shownLines)] {
		s.note("%s", line)
	}
	if more := len(lines) - shownLines; more > 0 {
		s.note("… and %d more lines; starter shows all of it before it signs", more)
	}
	s.line("    In another terminal, in this directory:")
	s.line("      export TEMPORAL_ADDRESS=%s HOLDFAST_PLAN=%s", p.Temporal.Address, p.PlanFile)
	for _, kind := range question.Accepts {
		if err := p.command(ctx, status, question, kind); err != nil {
			return err
		}
	}
	return nil
}

// command prints the two ways to send one kind of message: starter, which shows,
// signs and sends, and the temporal program with a message signed beforehand.
func (p *person) command(ctx context.Context, status runbook.Status, question runbook.OpenQuestion, kind approval.Kind) error {
	who, err := p.Person(status, question, kind)
	if err != nil {
		return err
	}
	further := ""
	switch kind {
	case approval.Resolve:
		further = " --retry"
	case approval.Reject, approval.Rollback:
		further = " --reason 'why'"
	default:
	}
	p.screen.line("      %s %s --run %s --question %s --as %s --key %s%s", p.Program("starter"), kind, p.WorkflowID(),
		question.Key, who, p.Keys.People[who], further)
	if kind != question.Accepts[0] || further != "" {
		return nil
	}
	var signed struct {
		Command string `json:"command"`
	}
	if err := p.Decide(ctx, &signed, kind, question, who, "--print"); err != nil {
		return err
	}
	p.screen.line("    or, already signed by %s, through nothing but Temporal:", who)
	p.screen.line("      %s", strings.Replace(signed.Command, "temporal ", p.Temporal.CLI+" ", 1))
	return nil
}

func until(at time.Time) string {
	if at.IsZero() {
		return "it is answered"
	}
	return at.UTC().Format(time.TimeOnly) + " UTC"
}
