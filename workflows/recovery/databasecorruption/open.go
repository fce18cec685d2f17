package databasecorruption

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/notify"
	"github.com/terragonlabs/holdfast/activities/planning"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// open checks the input, reads the plan and opens the runbook.
func open(ctx workflow.Context, in Input) (*run, error) {
	if err := in.Validate(); err != nil {
		return nil, boundary.Out(err)
	}
	if id := workflow.GetInfo(ctx).WorkflowExecution.ID; id != WorkflowID(in.Service) {
		return nil, boundary.Out(failure.Invalid("workflow_id", "is %.120q; a run for service %s must be %q, so that no two run at once", id, in.Service, WorkflowID(in.Service)).
			WithHint("temporal workflow start --workflow-id %s …", WorkflowID(in.Service)))
	}
	extract, err := runbook.Outside(ctx, "Read the plan", planning.Ref.Extract, planning.Question{
		PlanHash: in.PlanHash, Scenario: Scenario, Service: in.Service, Database: in.Database,
	})
	if err != nil {
		return nil, boundary.Out(err)
	}
	r := &run{ctx: ctx, in: in, plan: extract}
	if err := r.findHosts(); err != nil {
		return nil, boundary.Out(err)
	}
	r.Run, err = runbook.Open(ctx, r.spec())
	if err != nil {
		return nil, err
	}
	r.Instant(runbook.Disrupted, recovery.Instant{At: in.DisruptedAt.UTC(), Source: r.reporter(), Known: true})
	if !in.DetectedAt.IsZero() {
		r.Instant(runbook.Detected, recovery.Instant{At: in.DetectedAt.UTC(), Source: r.reporter(), Known: true})
	}
	r.measurePoint(nil) // unknown until data was read back
	return r, nil
}

func (r *run) findHosts() error {
	for i, host := range r.plan.Database.Hosts {
		switch {
		case host.Role == plan.DatabasePrimary:
			r.primary = host
		case r.replica == nil:
			r.replica = &r.plan.Database.Hosts[i]
		}
	}
	if r.primary.Host == "" {
		return failure.Invalid("plan.databases.hosts", "database %s has no primary", r.plan.Database.Name).WithHint("starter plan check")
	}
	return nil
}

func (r *run) spec() runbook.Spec {
	return runbook.Spec{
		Incident: r.in.Incident, Plan: r.plan, Mode: runbook.Attended,
		Phases:      phases(),
		Gates:       gates(),
		Requester:   r.in.Requester,
		Automatic:   r.in.Automatic,
		Declaration: r.in.Declaration,
		Disrupted:   r.in.DisruptedAt,
		Notify:      r.notify,
		Carried:     r.in.Carried,
		Continue: func(carried *runbook.Carried) error {
			next := r.in
			next.Carried = carried
			return workflow.NewContinueAsNewError(r.ctx, Run, next)
		},
	}
}

// notify tells people of questions, escalations and breaches.
func (r *run) notify(rb *runbook.Run, notice runbook.Notice) error {
	alert := r.alert(atFirst, notice.Title+"\n"+notice.Detail)
	_, err := runbook.Do(rb, "Tell people: "+notice.Title, notify.Ref.Mail, notify.MailInput{
		PlanHash: r.plan.PlanHash, Key: r.name() + "/" + noticeKey(notice), To: notice.To, Alert: alert,
	}, runbook.Announce)
	return err
}

// noticeKey tells apart what people must see apart: mail with one key shows once.
func noticeKey(notice runbook.Notice) string {
	return fmt.Sprintf("%s/%s/%d/%d", notice.Kind, notice.Title, notice.Level.Level, notice.Opened.UnixNano())
}

// atFirst and nearTheEnd pick the plan's own word for where the incident is: the
// first of its statuses; and the one before the last, when the service serves
// again but is not yet let out of sight.
func atFirst(statuses []string) string { return nth(statuses, 0) }

func nearTheEnd(statuses []string) string { return nth(statuses, max(0, len(statuses)-2)) }

func nth(words []string, n int) string {
	if n >= len(words) {
		return "unknown"
	}
	return words[n]
}

// announce tells stakeholders that the database serves again.
func (r *run) announce() error {
	alert := r.alert(nearTheEnd, "The database serves again. It was recovered "+r.choice().Target.String()+".")
	alert.Actions = r.achievements()
	_, err := runbook.Do(r.Run, "Notify stakeholders of the recovery", notify.Ref.Mail, notify.MailInput{
		PlanHash: r.plan.PlanHash, Key: r.name() + "/recovered", To: r.plan.Notify, Alert: alert,
	}, runbook.Announce, runbook.Advisory())
	if err != nil {
		r.Finding("stakeholders were not notified: " + err.Error())
	}
	return nil
}

// alert is the plan's incident notification for this incident.
func (r *run) alert(at func(statuses []string) string, impact string) notify.Alert {
	return notify.Alert{
		Title: r.plan.Alert.Title, Severity: string(r.severity()), Status: at(r.plan.Alert.Statuses), Started: r.in.DisruptedAt,
		AffectedServices: []string{r.plan.Service.Title}, Impact: impact, Commander: r.commander(),
	}
}
