package runbook

import (
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Gate waits until the plan's quorum has approved choice, which is shown to the
// approvers in full, as JSON, and bound to their signatures by its hash. A gate
// passed in an earlier run of this chain stays passed.
//
// Errors: failure.Refused when it is rejected or expires; the continue-as-new
// error; cancellation. On a drill the plan's own policy may pass the gate, which
// is recorded as policy and never as a person.
func (rb *Run) Gate(name string, choice any) error {
	g, ok := rb.spec.gate(name)
	if !ok {
		return failure.Invalid("gate", "the plan has no gate %q", name).WithHint("starter plan check")
	}
	if rb.spec.Mode == Routine {
		return failure.New(failure.Internal, "gate %q in a routine run", name)
	}
	if err := rb.awaitClear(); err != nil {
		return err
	}
	known := rb.questionOf(warrant.GateKey(name)) != nil
	q, err := rb.openGate(g, choice)
	if err != nil {
		return err
	}
	if !known {
		rb.ask(q)
	}
	if rb.spec.Mode == Drill && rb.spec.Plan.Runbook.Unattended.Gates == plan.GateAutomatic {
		rb.answer(q, answer{Kind: approval.Approve, By: policyName, Reason: "the plan passes gates of drills on isolated targets"})
	}
	if err := rb.await(q); err != nil {
		return err
	}
	return rb.passGate(name, q)
}

func (rb *Run) openGate(g plan.Gate, choice any) (*question, error) {
	q := &question{
		Key: warrant.GateKey(g.Name), Title: g.Title, Accepts: []approval.Kind{approval.Approve, approval.Reject},
		Roles: g.Roles, Quorum: g.Quorum,
	}
	if g.Expiry > 0 {
		q.ExpiresAt = rb.Now().Add(g.Expiry.Std())
	}
	return rb.open(q, choice, evidence.Entry{
		Kind: evidence.GateOpened, Title: g.Title,
		Data: []evidence.Pair{{Key: "gate", Value: g.Name}, {Key: "quorum", Value: decimal(g.Quorum)}, {Key: "roles", Value: strings.Join(g.Roles, ", ")}},
	})
}

// passGate records the gate's outcome once and returns it.
func (rb *Run) passGate(name string, q *question) error {
	a := q.Answer
	switch a.Kind {
	case approval.Approve:
		if !rb.approved(name) {
			rb.book.Instants.Approved = append(rb.book.Instants.Approved, recovery.Approval{
				Gate: name, Instant: recovery.Instant{At: a.At, Source: a.By, Known: true, ClockKnown: true},
			})
			rb.record(evidence.Entry{Kind: evidence.GatePassed, Title: q.Title, Actor: a.By, Detail: a.Reason})
		}
		return nil
	case approval.Reject:
		rb.abort(a.By, "gate "+strconv.Quote(name)+" was rejected: "+a.Reason)
		return failure.New(failure.Refused, "gate %q was rejected by %s: %s", name, a.By, a.Reason).
			WithHint("starter status --timeline")
	default:
		rb.abort(a.By, "gate "+strconv.Quote(name)+" expired: "+a.Reason)
		return failure.New(failure.Refused, "gate %q expired: %s", name, a.Reason).
			WithHint("nothing of the gated part was done; start the runbook again")
	}
}

func (rb *Run) approved(gate string) bool {
	for _, a := range rb.book.Instants.Approved {
		if a.Gate == gate {
			return true
		}
	}
	return false
}
