package databasecorruption

import (
	"fmt"
	"strings"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/runbook"

	"go.temporal.io/sdk/workflow"
)

// close ends the runbook and writes the report, however the run went.
func (r *run) close(err error) (Result, error) {
	summary, err := r.Close(err)
	if workflow.IsContinueAsNewError(err) {
		return Result{}, err
	}
	result := Result{
		Summary: summary,
		RTO:     recovery.RTO(summary.Instants, summary.Waits, recovery.Objective{Limit: r.plan.Objective.RTO.Std()}),
		RPO:     r.rpo,
	}
	if r.proposed.Choice.Set.ID != "" {
		result.Choice = &r.proposed.Choice
	}
	if r.replayed.Reached.LSN != 0 {
		result.Reached, result.Loss = &r.replayed.Reached, &r.checked.Loss
	}
	written, writeErr := runbook.Outside(r.ctx, "Write the report", reporting.Ref.Write, reporting.WriteInput{
		Run:   evidence.Run{WorkflowID: summary.WorkflowID, FirstRunID: summary.FirstRunID},
		Draft: r.draft(result), Head: summary.Head, Roles: r.rolesHeld(),
	})
	if writeErr == nil {
		result.Report = &written
		writeErr = r.answerReport(written)
	}
	if err == nil {
		err = boundary.Out(writeErr) // a recovery without its evidence is not shown
	}
	return result, err
}

// answerReport answers QueryReport from now on.
func (r *run) answerReport(written reporting.Written) error {
	err := workflow.SetQueryHandlerWithOptions(r.ctx, QueryReport, func() (reporting.Written, error) { return written, nil },
		workflow.QueryHandlerOptions{Description: "where the report is"})
	return failure.Wrap(failure.Internal, err, "register query %s", QueryReport)
}

// headKept names the object that holds the timeline's head, and the stores that
// keep it.
func headKept(kept evidence.Where) string {
	if len(kept.Stores) == 0 {
		return ""
	}
	text := kept.Key + " in " + strings.Join(kept.Stores, ", ")
	if len(kept.Missing) > 0 {
		text += "; not in " + strings.Join(kept.Missing, ", ")
	}
	return text
}

// draft is the report without what only the stores hold.
func (r *run) draft(result Result) report.Input {
	summary := result.Summary
	draft := report.Input{
		GeneratedAt: workflow.Now(r.ctx).UTC(),
		Incident: report.Incident{
			ID: r.in.Incident, Title: r.in.Summary, Severity: string(r.severity()), Service: r.plan.Service.Title,
			Priority: string(r.plan.Service.Priority), Scenario: Scenario, System: r.plan.System,
		},
		Objective: fmt.Sprintf("Recover database %s to the moment before the damage within %s, losing at most %s of work.",
			r.plan.Database.Name, r.plan.Objective.RTO, r.plan.Objective.RPO),
		Scenario: r.plan.Runbook.Title + ". " + r.in.Summary,
		Plan:     report.Plan{Title: r.plan.Title, Version: r.plan.Version, SHA256: string(r.plan.PlanHash)},
		Run: report.Run{
			Workflow: Name, WorkflowID: summary.WorkflowID, RunID: summary.FirstRunID, Requester: r.reporter(),
			Outcome: outcomeOf(summary.Outcome), Detail: summary.Problem, Started: summary.StartedAt, Ended: summary.EndedAt,
		},
		HeadKept: headKept(summary.HeadKept),
		Instants: summary.Instants, Waits: summary.Waits, RTO: result.RTO, RPO: result.RPO,
		Phases: phasesOf(summary), Choice: result.Choice, Reached: result.Reached,
		Checks: r.checksMade(), Lost: lostOf(result.Loss), Repairs: r.repairs(summary),
		Issues: r.issues(summary), Lessons: r.lessons(result), NextSteps: r.nextSteps(summary),
	}
	draft.Target = r.targetCriterion()
	draft.Criteria = r.criteria(result, draft.Target)
	return draft
}

func outcomeOf(outcome runbook.Outcome) report.Outcome {
	switch outcome {
	case runbook.Recovered:
		return report.Recovered
	case runbook.RolledBack:
		return report.RolledBack
	case runbook.Aborted, runbook.Canceled:
		return report.Aborted
	case runbook.Failed:
		return report.Failed
	}
	return report.Failed
}

func phasesOf(summary runbook.Summary) []report.Phase {
	var phases []report.Phase
	for _, phase := range summary.Phases {
		out := report.Phase{Name: phase.Title, Budget: phase.Budget + phase.Extended, Begin: phase.Entered, End: phase.Left}
		if phase.Breaches > 0 {
			out.Breach = fmt.Sprintf("the budget ran out %d times", phase.Breaches)
		}
		for _, step := range summary.Steps {
			if step.Phase == phase.Name {
				out.Steps = append(out.Steps, stepOf(step))
			}
		}
		phases = append(phases, out)
	}
	return phases
}

func stepOf(step runbook.StepReport) report.Step {
	outcomes := map[runbook.StepState]report.StepOutcome{
		runbook.StepDone: report.StepSucceeded, runbook.StepFailed: report.StepFailed, runbook.StepSkipped: report.StepSkipped,
		runbook.StepAborted: report.StepAborted, runbook.StepRunning: report.StepOpen,
	}
	return report.Step{Title: step.Title, Begin: step.Started, End: step.Ended, Outcome: outcomes[step.State], Attempts: step.Attempts, Detail: step.Error}
}

func (r *run) checksMade() []report.Check {
	var checks []report.Check
	for _, result := range append(r.checked.Checks, r.observed.Verdicts...) {
		checks = append(checks, report.Check{Title: result.Name, Expected: result.Want, Got: result.Got, Verdict: verdictOf(result.Status)})
	}
	return checks
}

func verdictOf(status postgres.CheckStatus) recovery.Verdict {
	switch status {
	case postgres.CheckPassed:
		return recovery.VerdictMet
	case postgres.CheckFailed:
		return recovery.VerdictMissed
	case postgres.CheckUnknown:
		return recovery.VerdictUnknown
	}
	return recovery.VerdictUnknown
}

// lostOf lists per table what was lost. Figures of an incomplete count are lower
// bounds, and so unknown.
func lostOf(loss *postgres.Loss) []report.LostTable {
	if loss == nil {
		return nil // nothing was recovered
	}
	var lost []report.LostTable
	if len(loss.Tables) == 0 && !loss.Complete { // not the same as nothing lost
		lost = append(lost, report.LostTable{Table: "not counted", Note: loss.Detail})
	}
	for _, table := range loss.Tables {
		count := func(rows int64) report.Count { return report.Count{Rows: rows, Known: loss.Complete} }
		lost = append(lost, report.LostTable{
			Table: table.Table, Inserts: count(table.Inserted), Updates: count(table.Updated), Deletes: count(table.Deleted), Note: loss.Detail,
		})
	}
	return lost
}
