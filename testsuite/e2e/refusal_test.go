package e2e_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestRejectedCutOverIsUndone: approvals by the wrong people are refused, and a
// rejection at the last gate leaves everything as it was: the application writes
// again on the database it had.
func TestRejectedCutOverIsUndone(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Delete)
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	h.must(t, h.Follow(h.ctx, &rejecter{house: h, t: t}))
	if status := h.requireAborted(t); len(status.Refused) != 3 {
		t.Errorf("approvals of three people were refused, the run counts %+v", status.Refused)
	}
	h.requireUntouched(t, damage)
}

// rejecter lets wrong people try the first gate, approves it, and rejects the second.
type rejecter struct {
	*house
	t     *testing.T
	tried bool
}

func (r *rejecter) Step(runbook.StepReport) {}

func (r *rejecter) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	switch question.Key {
	case "gate:restore":
		if !r.tried {
			r.tried = true
			r.wrongPeople(ctx, status, question)
		}
		person, err := r.Person(status, question, approval.Approve)
		r.must(r.t, err)
		return r.Decide(ctx, nil, approval.Approve, question, person)
	case "gate:cut-over":
		person, err := r.Person(status, question, approval.Reject)
		r.must(r.t, err)
		return r.Decide(ctx, nil, approval.Reject, question, person, "--reason", "the target is wrong")
	}
	return failure.New(failure.CheckFailed, "%s: %s", question.Title, question.Choice)
}

func (r *rejecter) wrongPeople(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) {
	outsider := r.Plan.Holders("communications-lead")[0]
	for person, why := range map[string]string{status.DeclaredBy: "role", outsider: "role"} {
		err := r.Decide(ctx, nil, approval.Approve, question, person)
		r.requireRefusal(r.t, err, failure.Refused, why)
	}
	stranger := r.Plan.Holders("incident-commander")[0]
	key := r.Keys.People[outsider] // somebody else's
	err := r.Starter(ctx, nil, "approve", "--run", r.WorkflowID(), "--question", question.Key, "--as", stranger, "--key", key)
	r.requireRefusal(r.t, err, failure.Forbidden, "signature")
}

// TestRunsThatCannotWork: each ends in a classed error with the command to run
// next, and loses nothing.
func TestRunsThatCannotWork(t *testing.T) {
	h := protected(t, unlocked)
	damage := h.damage(t, scenario.Delete)
	t.Run("unknown service", func(t *testing.T) {
		err := h.Starter(h.ctx, nil, "run", "database-corruption", "--service", "nothing", "--incident", scenario.Incident, "--disrupted-at", "2026-03-01T10:15:00Z")
		h.requireRefusal(t, err, failure.NotFound, "nothing")
	})
	t.Run("another plan", func(t *testing.T) { h.anotherPlan(t, damage) })
	t.Run("target before the oldest set, and a second run", func(t *testing.T) {
		_, err := h.Start(h.ctx, damage, "--target-time", damage.At.AddDate(0, 0, -1).Format("2006-01-02T15:04:05Z"))
		h.must(t, err)
		h.must(t, h.Follow(h.ctx, &stuck{house: h, t: t, class: failure.TargetUnreachable, then: func() {
			_, err := h.Start(h.ctx, damage)
			h.requireRefusal(t, err, failure.Refused, "already under way")
		}}))
		h.requireAborted(t)
	})
	t.Run("target after the newest WAL", func(t *testing.T) {
		_, err := h.Start(h.ctx, damage, "--target-lsn", "7F/0")
		h.must(t, err)
		h.must(t, h.Follow(h.ctx, &stuck{house: h, t: t, class: failure.TargetUnreachable}))
		h.requireAborted(t)
	})
	t.Run("WAL gap", func(t *testing.T) {
		h.takeSegmentAway(t)
		_, err := h.Start(h.ctx, damage, "--latest")
		h.must(t, err)
		h.must(t, h.Follow(h.ctx, &stuck{house: h, t: t, class: failure.WALGap}))
		h.requireAborted(t)
	})
	h.requireUntouched(t, damage)
}

// unlocked leaves objects without retention locks, so that a test can take one away.
func unlocked(o *scenario.Options) {
	o.Change = func(p *plan.Plan) {
		for i := range p.Stores {
			p.Stores[i].Lock = plan.Lock{}
		}
	}
}

// anotherPlan starts a run that follows a plan the workers do not have.
func (h *house) anotherPlan(t *testing.T, damage scenario.Damage) {
	t.Helper()
	file := h.incidentFile(t, damage)
	replaceIn(t, file, string(h.Plan.Hash()), strings.Repeat("0", 64))
	_, err := h.TemporalCommand(h.ctx, "workflow", "start", "--type", "DatabaseCorruption", "--task-queue", "control",
		"--workflow-id", h.WorkflowID(), "--input-file", file)
	h.must(t, err)
	_, err = h.Result(h.ctx)
	requireClass(t, err, failure.IdentityMismatch)
}

// stuck expects a step to fail with class and a hint, does something, and aborts.
type stuck struct {
	*house
	t     *testing.T
	class failure.Class
	then  func()
	seen  bool
}

func (s *stuck) Step(runbook.StepReport) {}

func (s *stuck) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	if s.seen {
		return nil
	}
	s.seen = true
	if !strings.Contains(question.Choice, string(s.class)) || !strings.Contains(question.Choice, `"hint"`) {
		s.t.Errorf("%s: %s; want class %s and a hint", question.Title, question.Choice, s.class)
	}
	if s.then != nil {
		s.then()
	}
	person, err := s.Person(status, question, approval.Resolve)
	s.must(s.t, err)
	return s.Decide(ctx, nil, approval.Resolve, question, person, "--abort", "--reason", "it cannot work")
}

// requireAborted: the run ended with an error, and undid everything.
func (h *house) requireAborted(t *testing.T) runbook.Status {
	t.Helper()
	_, err := h.Result(h.ctx)
	requireClass(t, err, failure.Refused)
	status, err := h.Status(h.ctx)
	h.must(t, err)
	if status.State != runbook.StateEnded || len(status.Undos) > 0 {
		t.Errorf("state %s, not undone: %v", status.State, status.Undos)
	}
	return status
}

// requireUntouched: the application writes on the database it had, damage and all.
func (h *house) requireUntouched(t *testing.T, damage scenario.Damage) {
	t.Helper()
	h.must(t, h.WriteOn(h.ctx, 5))
	role := h.Database().Roles[0].Name
	conn, err := pgx.Connect(h.ctx, h.Pooler.URL(h.Pooler.Writer, role, h.Passwords[role]))
	h.must(t, err)
	defer conn.Close(h.ctx) //nolint:errcheck // read only
	var gone int64
	h.must(t, conn.QueryRow(h.ctx, "SELECT (SELECT sum(result_count) FROM experiments) - (SELECT count(*) FROM results)").Scan(&gone))
	if gone != damage.Rows[0].Deleted {
		t.Errorf("%d results are gone, the damage took %d", gone, damage.Rows[0].Deleted)
	}
	h.Application.Stop()
	truth, err := h.Judge(h.ctx, damage)
	h.must(t, err)
	if truth.Loss.Missing != 0 {
		t.Errorf("%d acknowledged rows are gone though nothing was recovered", truth.Loss.Missing)
	}
}

func (h *house) requireRefusal(t *testing.T, err error, class failure.Class, word string) {
	t.Helper()
	var refusal *scenario.RefusedError
	if !errors.As(err, &refusal) || refusal.Class != class || refusal.Hint == "" || !strings.Contains(refusal.Message, word) {
		t.Errorf("got %v; want class %s, a hint and the word %q", err, class, word)
	}
}
