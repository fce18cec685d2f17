package runbook

import (
	"slices"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// judge decides whether a message counts, apart from what it answers: signature,
// validity, this run, this plan, not seen before, and the sender's authority.
// The message is returned with an error too, as far as it could be read.
func (rb *Run) judge(via string, s approval.Signed) (approval.Message, error) {
	m, err := approval.Verify(s, rb.spec.keysOf, rb.Now())
	if err != nil {
		return m, err
	}
	switch {
	case rb.closed:
		return m, failure.New(failure.Refused, "the run is ending and takes no more messages")
	case via != UpdateDecide && via != string(m.Kind):
		return m, failure.New(failure.Refused, "a message of kind %s came as %s", m.Kind, via).
			WithHint("send it as %s", m.Kind)
	}
	for _, check := range []func(approval.Message) error{rb.checkRun, rb.checkSequence, rb.checkAuthority} {
		if err := check(m); err != nil {
			return m, err
		}
	}
	return m, nil
}

// checkRun refuses a message that was signed for another run, incident or plan.
func (rb *Run) checkRun(m approval.Message) error {
	beforehand := m.Kind == approval.Declare && m.FirstRunID == ""
	switch {
	case m.WorkflowID != rb.id.WorkflowID:
		return failure.New(failure.IdentityMismatch, "signed for workflow %q, this is %q", m.WorkflowID, rb.id.WorkflowID)
	case m.FirstRunID != rb.id.FirstRunID && !beforehand:
		return failure.New(failure.IdentityMismatch, "signed for run %q, this is %q", m.FirstRunID, rb.id.FirstRunID).
			WithHint("starter status shows this run's questions; sign again")
	case m.Incident != rb.spec.Incident:
		return failure.New(failure.IdentityMismatch, "signed for incident %q, this is %q", m.Incident, rb.spec.Incident)
	case m.PlanHash != string(rb.spec.Plan.PlanHash):
		return failure.New(failure.IdentityMismatch, "signed for plan %.12s…, this run follows %.12s…", m.PlanHash, rb.spec.Plan.PlanHash)
	}
	return nil
}

// checkSequence refuses a replay: a person's messages count upwards.
func (rb *Run) checkSequence(m approval.Message) error {
	who := rb.senderOf(m.Person)
	switch {
	case m.Sequence <= who.Sequence:
		return failure.New(failure.Refused, "sequence %d of %s was used already; the last was %d", m.Sequence, m.Person, who.Sequence).
			WithHint("sign again with a sequence above %d", who.Sequence)
	case who.Accepted >= maxAccepted:
		return failure.New(failure.Refused, "%s has sent %d messages to this run, the most one person may", m.Person, who.Accepted)
	}
	return nil
}

// checkAuthority refuses what the plan's authority table does not give to any
// role of the sender.
func (rb *Run) checkAuthority(m approval.Message) error {
	allowed := rb.spec.Plan.Authority[plan.Message(m.Kind)]
	if !intersect(allowed, rb.spec.rolesOf(m.Person)) {
		return failure.New(failure.Refused, "%s holds no role that may %s: the plan allows %v", m.Person, m.Kind, allowed).
			WithHint("ask one of these roles")
	}
	return nil
}

// checkAnswer refuses an answer that does not fit the open question q.
func (rb *Run) checkAnswer(q *question, m approval.Message) error {
	switch {
	case q.Answer != nil:
		return failure.New(failure.Refused, "%q was settled already by %s", q.Title, q.Answer.By)
	case m.Kind != approval.Acknowledge && !slices.Contains(q.Accepts, m.Kind):
		return failure.New(failure.Refused, "%q is not answered by %s but by %v", q.Title, m.Kind, q.Accepts)
	case m.Target != q.Target:
		return failure.New(failure.IdentityMismatch, "signed for target %q, the question is about %q", m.Target, q.Target)
	case m.ChoiceHash != q.Choice.Hash:
		return failure.New(failure.Refused, "signed for another choice than the one put to the approvers").
			WithHint("read the choice again: starter status")
	case m.TimelineHead != q.Head:
		return failure.New(failure.Refused, "signed over another timeline than the one that led to this question").
			WithHint("read the question again: starter status")
	case m.Kind == approval.Resolve && m.Verdict == approval.Skip && q.NoSkip:
		return failure.New(failure.Refused, "%q is about a required step, which cannot be skipped", q.Title).
			WithHint("resolve with --retry or --abort")
	}
	return rb.checkApprover(q, m)
}

// checkApprover holds the four-eyes rule and the gate's roles.
func (rb *Run) checkApprover(q *question, m approval.Message) error {
	if m.Kind == approval.Acknowledge {
		return nil
	}
	if len(q.Roles) > 0 && !intersect(q.Roles, rb.spec.rolesOf(m.Person)) {
		return failure.New(failure.Refused, "%s holds no role that may answer %q: %v", m.Person, q.Title, q.Roles).
			WithHint("ask one of these roles")
	}
	if m.Kind == approval.Approve && !q.Self && rb.asked(m.Person) {
		return failure.New(failure.Refused, "%s asked for this run and so may not approve it", m.Person).
			WithHint("another holder of %v must approve", q.Roles)
	}
	return nil
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
