package databasecorruption

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// criteria are what the plan promises, each with what shows it.
func (r *run) criteria(result Result, target report.Criterion) []report.Criterion {
	return []report.Criterion{
		{
			Title: "RTO: verified health within " + r.plan.Objective.RTO.String(), Verdict: result.RTO.Total.Verdict,
			Evidence: "disruption to verified health took " + result.RTO.Total.String(),
		},
		{
			Title: "RPO: work lost within " + r.plan.Objective.RPO.String(), Verdict: result.RPO.WorkLost.Verdict,
			Evidence: "newest acknowledged heartbeat to newest surviving one: " + result.RPO.WorkLost.String(),
		},
		target,
		{Title: "Every table and index is sound", Verdict: r.integrityVerdict(), Evidence: r.integrityEvidence()},
		{Title: "The plan's checks pass", Verdict: worst(r.checked.Checks), Evidence: fmt.Sprintf("%d checks", len(r.checked.Checks))},
		{
			Title: "New backups flow", Verdict: known(r.archived.Segment != "" && r.backup.Set.ID != ""),
			Evidence: fmt.Sprintf("segment %s and set %s are in the stores", orNone(r.archived.Segment), orNone(r.backup.Set.ID)),
		},
		{Title: "It performs as before", Verdict: worst(r.observed.Verdicts), Evidence: measures(r.observed)},
	}
}

// measures names what was watched, each measure with what was found and what was
// wanted, so that a reader of the verdict sees which of them decided it.
func measures(o postgres.Observation) string {
	if !watched(o) {
		return "nobody watched it"
	}
	found := make([]string, len(o.Verdicts))
	for i, v := range o.Verdicts {
		found[i] = fmt.Sprintf("%s %s: %s", v.Name, v.Status, orNone(v.Got))
		if v.Want != "" {
			found[i] += ", wanted " + v.Want
		}
		if v.Detail != "" {
			found[i] += " (" + v.Detail + ")"
		}
	}
	return fmt.Sprintf("watched for %s: %s", o.Performance.Over.Round(time.Second), strings.Join(found, "; "))
}

// targetCriterion compares what was asked with what was reached.
func (r *run) targetCriterion() report.Criterion {
	criterion := report.Criterion{Title: "The target was reached", Verdict: recovery.VerdictUnknown}
	if r.replayed.Reached.LSN == 0 {
		return criterion
	}
	criterion.Evidence = fmt.Sprintf("asked %s; reached %s on timeline %d", r.choice().Target, r.replayed.Reached.LSN, r.replayed.Reached.Timeline)
	criterion.Verdict = recovery.VerdictMet
	if err := recovery.CompareReached(r.choice(), r.replayed.Reached); err != nil {
		criterion.Verdict, criterion.Evidence = recovery.VerdictMissed, err.Error()
	}
	return criterion
}

func (r *run) integrityVerdict() recovery.Verdict {
	switch {
	case r.checked.Integrity.Relations == 0:
		return recovery.VerdictUnknown
	case len(r.checked.Integrity.Findings) > 0:
		return recovery.VerdictMissed
	case len(r.checked.Integrity.NotChecked) > 0:
		return recovery.VerdictUnknown
	}
	return recovery.VerdictMet
}

func (r *run) integrityEvidence() string {
	evidence := r.checked.Integrity.Tool
	if not := r.checked.Integrity.NotChecked; len(not) > 0 {
		evidence += "; not checked: " + strings.Join(not, ", ")
	}
	return evidence
}

// worst is the verdict of several checks together. No check at all is unknown.
func worst(results []postgres.CheckResult) recovery.Verdict {
	if len(results) == 0 {
		return recovery.VerdictUnknown
	}
	verdict := recovery.VerdictMet
	for _, result := range results {
		switch result.Status {
		case postgres.CheckFailed:
			return recovery.VerdictMissed
		case postgres.CheckPassed:
		case postgres.CheckUnknown:
			verdict = recovery.VerdictUnknown
		default:
			verdict = recovery.VerdictUnknown
		}
	}
	return verdict
}

func known(shown bool) recovery.Verdict {
	if shown {
		return recovery.VerdictMet
	}
	return recovery.VerdictUnknown
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

// repairs are what was mended on the way.
func (r *run) repairs(summary runbook.Summary) []report.Repair {
	var repairs []report.Repair
	for _, detail := range append(r.fetched.Repairs, r.replayed.Repairs...) {
		repairs = append(repairs, report.Repair{At: summary.EndedAt, Title: "Taken from another store", Detail: detail})
	}
	for _, detail := range r.promoted.Repairs {
		if !slices.Contains(r.replayed.Repairs, detail) {
			repairs = append(repairs, report.Repair{At: summary.EndedAt, Title: "Promoted without a store's answer", Detail: detail})
		}
	}
	return repairs
}

// issues are what went wrong besides the incident itself.
func (r *run) issues(summary runbook.Summary) []report.Issue {
	var issues []report.Issue
	if summary.Problem != "" {
		issues = append(issues, report.Issue{Title: "The run did not recover the database", Severity: "High", Impact: summary.Problem, Resolution: "See the timeline."})
	}
	for _, finding := range summary.Findings {
		issues = append(issues, report.Issue{Title: finding, Severity: "Medium", Impact: "The run went on.", Resolution: "See the timeline."})
	}
	for _, one := range r.proposed.Unanswered {
		issues = append(issues, report.Issue{
			Title: "Store " + one.Store + " did not answer", Severity: "High",
			Impact: "Everything was taken from the other stores; what it alone holds was not considered. " + one.Why,
			Resolution: "When it answers (starter plan check --live) the WAL it lacks is brought there by itself. " +
				"Sets: starter backup create makes the next in every store.",
		})
	}
	for _, anomaly := range r.proposed.Anomalies {
		issues = append(issues, report.Issue{Title: "The stores disagree", Severity: "High", Impact: anomaly, Resolution: "starter backup verify"})
	}
	for _, title := range summary.UndosLeft {
		issues = append(issues, report.Issue{Title: "Not undone: " + title, Severity: "High", Impact: "The change is still in place.", Resolution: "starter undo"})
	}
	return issues
}

// lessons are drawn from measured figures, never from opinion.
func (r *run) lessons(result Result) []string {
	var lessons []string
	if human, machine := result.RTO.Human, result.RTO.Machine; human.Known && machine.Known && human.Duration > machine.Duration {
		lessons = append(lessons, fmt.Sprintf("People waited longer (%s) than machines worked (%s).", human, machine))
	}
	if lost := result.RPO.WorkLost; lost.Known && lost.Verdict == recovery.VerdictMissed {
		lessons = append(lessons, fmt.Sprintf("Writes went on for %s after the target: detection, not backup, decided the loss.", lost.Amount))
	}
	for _, phase := range result.Summary.Phases {
		if phase.Breaches > 0 {
			lessons = append(lessons, fmt.Sprintf("Phase %s ran over its budget of %s.", phase.Title, phase.Budget))
		}
	}
	return lessons
}

func (r *run) nextSteps(summary runbook.Summary) []string {
	if summary.Outcome != runbook.Recovered {
		return []string{"Decide how to go on: starter status shows where the run stopped."}
	}
	steps := []string{r.whereDamaged()}
	if r.backup.Set.ID == "" {
		steps = append(steps, "Back up the recovered database, of which there is no set yet, on its host: starter backup create --database "+r.plan.Database.Name)
	}
	if len(r.checked.Loss.Tables) > 0 {
		steps = append(steps, "Bring over from it the work listed under what was lost, where it is sound.")
	}
	return steps
}

// whereDamaged says where the damaged database is, and how to read it.
func (r *run) whereDamaged() string {
	if !r.swapped.AsideReads {
		return fmt.Sprintf("The damaged database is kept at %s until somebody removes it. It cannot be read: %s", r.swapped.AsideDir, r.swapped.Why)
	}
	return fmt.Sprintf("The damaged database is kept at %s until somebody removes it. Read it on its host: psql -h %s -p %d %s",
		r.swapped.AsideDir, r.swapped.AsideSocket, r.swapped.AsidePort, r.plan.Database.DBName)
}

// achievements are the measured results, for the notification.
func (r *run) achievements() []string {
	return []string{
		"recovered to: " + r.choice().Target.String(),
		"work lost: " + r.rpo.WorkLost.String(),
		fmt.Sprintf("new base backup: %s", orNone(r.backup.Set.ID)),
	}
}

// severity is the incident's, or else the service's priority.
func (r *run) severity() plan.Level {
	if r.in.Severity != "" {
		return r.in.Severity
	}
	return r.plan.Service.Priority
}

// commander is who commands, with the address to reach them.
func (r *run) commander() string {
	for _, role := range r.plan.Roles {
		if len(r.plan.Authority[plan.Declare]) == 0 || role.Name != r.plan.Authority[plan.Declare][0] {
			continue
		}
		for _, person := range r.plan.People {
			if person.ID == role.Primary {
				return fmt.Sprintf("%s <%s>", person.Name, person.Email)
			}
		}
	}
	return "not named in the plan"
}
