package scenario

import (
	"context"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// Incident is the identifier every run of a scenario carries.
const Incident = "INC-2026-0042"

// Started is what `starter run -o json` prints.
type Started struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	PlanHash   string `json:"plan_hash"`
}

// Start starts the runbook as a user would, declared by whoever asks for it.
// further are more flags, such as a target.
func (s *Scenario) Start(ctx context.Context, damage Damage, further ...string) (Started, error) {
	who, err := s.declarer()
	if err != nil {
		return Started{}, err
	}
	var started Started
	err = s.Starter(ctx, &started, append([]string{
		"run", databasecorruption.Scenario, "--service", s.service, "--incident", Incident,
		"--disrupted-at", damage.At.Format(time.RFC3339Nano), "--detected-at", time.Now().UTC().Format(time.RFC3339Nano),
		"--summary", damage.What, "--requester", who, "--declare", "--as", who, "--key", s.Keys.People[who],
	}, further...)...)
	return started, err
}

// declarer is who asks for the run: of those who may declare, the one whom the
// gates miss least, since a requester approves nothing.
func (s *Scenario) declarer() (string, error) {
	people := s.Plan.Holders(s.Plan.Authority[plan.Declare]...)
	book, err := s.Plan.Runbook(databasecorruption.Scenario)
	if err != nil {
		return "", err
	}
	if len(people) == 0 {
		return "", failure.Invalid("authority.declare", "nobody may declare")
	}
	missed := func(person string) (gates int) {
		for _, gate := range book.Gates {
			if len(s.senders(plan.Approve, gate.Roles)) != len(s.senders(plan.Approve, gate.Roles, person)) {
				gates++
			}
		}
		return gates
	}
	return slices.MinFunc(people, func(a, b string) int { return missed(a) - missed(b) }), nil
}

// senders are the people who may send a message about a question of roles.
func (s *Scenario) senders(kind plan.Message, roles []string, except ...string) []string {
	allowed := s.Plan.Holders(s.Plan.Authority[kind]...)
	if len(roles) > 0 {
		allowed = intersect(allowed, s.Plan.Holders(roles...))
	}
	return without(allowed, except)
}

// Status asks a run where it stands.
func (s *Scenario) Status(ctx context.Context) (runbook.Status, error) {
	var status runbook.Status
	value, err := s.Client.QueryWorkflow(ctx, s.WorkflowID(), "", runbook.QueryStatus)
	if err == nil {
		err = value.Get(&status)
	}
	return status, failure.Wrap(failure.Unavailable, err, "ask the run where it stands")
}

// WorkflowID of the service's run.
func (s *Scenario) WorkflowID() string { return databasecorruption.WorkflowID(s.service) }

// Result waits for the run's end and returns its result, together with the error
// it ended with.
func (s *Scenario) Result(ctx context.Context) (databasecorruption.Result, error) {
	var result databasecorruption.Result
	err := s.Client.GetWorkflow(ctx, s.WorkflowID(), "").Get(ctx, &result)
	return result, err
}

// kindOf is the message that answers a question in a recovery that goes on; ok is
// false where somebody must think, as after a failed step.
func kindOf(question runbook.OpenQuestion) (kind approval.Kind, ok bool) {
	for _, one := range question.Accepts {
		switch one {
		case approval.Declare, approval.Approve, approval.Commit:
			return one, true
		case approval.Reject, approval.Acknowledge, approval.Pause, approval.Resume, approval.Resolve, approval.Extend, approval.Rollback:
		}
	}
	return "", false
}
