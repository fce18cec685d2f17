package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// attributes are the run's search attributes. They carry identifiers only: they
// are readable by everybody who may list workflows.
type attributes struct{ incident, service, scenario, phase, step, state string }

// SearchAttributes names the keyword search attributes a namespace needs.
func SearchAttributes() []string {
	return []string{"HoldfastIncident", "HoldfastService", "HoldfastScenario", "HoldfastPhase", "HoldfastStep", "HoldfastState"}
}

// show tells the Web UI and searches where the run stands: current details, and
// search attributes where they changed.
func (rb *Run) show() {
	workflow.SetCurrentDetails(rb.ctx, rb.details())
	now := attributes{
		rb.spec.Incident, rb.spec.Plan.Service.Name, rb.spec.Plan.Runbook.Scenario, rb.phaseName(), rb.lastStep(), string(rb.runState()),
	}
	if now == rb.shown {
		return
	}
	rb.shown = now
	values := []string{now.incident, now.service, now.scenario, now.phase, now.step, now.state}
	var updates []temporal.SearchAttributeUpdate
	for i, name := range SearchAttributes() {
		updates = append(updates, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(values[i]))
	}
	if err := workflow.UpsertTypedSearchAttributes(rb.ctx, updates...); err != nil {
		workflow.GetLogger(rb.ctx).Error("search attributes were not written", "class", failure.ClassOf(err), "error", err)
	}
}

func (rb *Run) lastStep() string {
	if n := len(rb.book.Steps); n > 0 {
		return rb.book.Steps[n-1].Key
	}
	return ""
}

// details is the run as Markdown: what a person who opens the Web UI sees.
func (rb *Run) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s: %s\n\n", rb.spec.Plan.Runbook.Title, rb.spec.Plan.Service.Title)
	fmt.Fprintf(&b, "Incident **%s** · %s · plan `%.12s`\n\n", cell(rb.spec.Incident), rb.runState(), rb.spec.Plan.PlanHash)
	if rb.book.PausedBy != "" {
		fmt.Fprintf(&b, "⏸ Paused by %s. Go on: `starter resume --run %s`\n\n", cell(rb.book.PausedBy), shellQuote(rb.id.WorkflowID))
	}
	rb.writeQuestions(&b)
	b.WriteString("| | Step | Phase | Took | |\n|---|---|---|---|---|\n")
	for _, s := range rb.book.Steps {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", mark(s.State), cell(s.Title), cell(s.Phase), took(s), cell(s.Error))
	}
	b.WriteString("\n")
	rb.writePhases(&b)
	for _, f := range rb.book.Findings {
		fmt.Fprintf(&b, "- ⚠ %s\n", cell(f))
	}
	return b.String()
}

// writePhases lists every phase of the runbook, also those that were not reached.
func (rb *Run) writePhases(b *strings.Builder) {
	for _, name := range rb.spec.Phases {
		i := slices.IndexFunc(rb.book.Phases, func(p PhaseReport) bool { return p.Name == name })
		if i < 0 {
			planned, _ := rb.spec.phase(name) // there: Open has looked
			fmt.Fprintf(b, "- **%s**: budget %s, not entered\n", cell(planned.Title), planned.Budget.Std())
			continue
		}
		p := rb.book.Phases[i]
		fmt.Fprintf(b, "- **%s**: budget %s, entered %s%s%s\n", cell(p.Title), p.Budget+p.Extended, p.Entered.UTC().Format(time.TimeOnly), left(p), breached(p))
	}
}

func (rb *Run) writeQuestions(b *strings.Builder) {
	for _, q := range rb.book.Questions {
		if q.Answer != nil {
			continue
		}
		fmt.Fprintf(b, "### ⏸ %s\n\nTarget: `%s` · approvals missing: %d\n\n", cell(q.Title), cell(q.Target), q.Quorum-len(q.Votes))
		fmt.Fprintf(b, "```\n%s\n```\n\n```json\n%s\n```\n\n", rb.howToAnswer(q), fenced(q.Choice.Text))
	}
}

func mark(s StepState) string {
	switch s {
	case StepDone:
		return "✓"
	case StepFailed, StepAborted:
		return "✗"
	case StepSkipped:
		return "↷"
	case StepRunning:
		return "▶"
	}
	return "?"
}

// took is the step's duration once it ended. The running step shows none: the
// details are written when something happens, not every second.
func took(s StepReport) string {
	if s.Ended.IsZero() || s.State == StepRunning {
		return ""
	}
	return s.Ended.Sub(s.Started).Round(time.Millisecond).String()
}

// left says when a phase ended; nothing while it goes on.
func left(p PhaseReport) string {
	if p.Left.IsZero() {
		return ""
	}
	return ", left " + p.Left.UTC().Format(time.TimeOnly)
}

func breached(p PhaseReport) string {
	if p.Breaches == 0 {
		return ""
	}
	return ", **ran out of time**"
}

// maxCellBytes bounds what one cell of the table shows.
const maxCellBytes = 200

// cell makes s harmless inside a Markdown table: it may come from outside.
func cell(s string) string {
	if len(s) > maxCellBytes {
		s = strings.ToValidUTF8(s[:maxCellBytes], "") + "…"
	}
	return strings.NewReplacer("|", "¦", "\n", " ", "\r", " ", "<", "‹", ">", "›", "`", "'", "[", "(", "]", ")").Replace(s)
}

// fenced keeps s from closing its code fence.
func fenced(s string) string { return strings.ReplaceAll(s, "```", "'''") }
