package runbook

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Declare waits for a signed declaration, then takes the service's lease: from
// here on steps may change things. Spec.Declaration may have been signed before
// the run was started; it binds workflow ID, plan hash and the occasion
// (approval.Occasion), is valid for an hour at most, and declares one run: the
// stores remember that it was used. One that does not count is refused on the
// timeline, and people are asked.
//
// A drill is declared by the plan's policy. A routine needs no declaration.
func (rb *Run) Declare() error {
	if rb.spec.Mode == Routine {
		return failure.New(failure.Internal, "a routine run cannot be declared")
	}
	if rb.book.Declared == nil {
		if err := rb.awaitDeclaration(); err != nil {
			return err
		}
	}
	return rb.takeLease()
}

func (rb *Run) awaitDeclaration() error {
	if err := rb.awaitClear(); err != nil {
		return err
	}
	if rb.spec.Mode == Drill {
		rb.declare(policyName, warrant.Proof{})
		return nil
	}
	known := rb.questionOf(declarationKey) != nil
	if !known && rb.spec.Declaration != nil {
		if declared, err := rb.redeem(*rb.spec.Declaration); declared || err != nil {
			return err
		}
	}
	q, err := rb.open(&question{
		Key: declarationKey, Title: "Declare the incident", Accepts: []approval.Kind{approval.Declare}, Self: true,
	}, rb.declarationChoice(), evidence.Entry{Kind: evidence.GateOpened, Title: "Declare the incident"})
	if err != nil {
		return err
	}
	if !known {
		rb.ask(q)
	}
	if err := rb.await(q); err != nil {
		return err
	}
	rb.declare(q.Answer.By, q.proof())
	return nil
}

const declarationKey = warrant.DeclarationKey

// declarationChoice is what whoever declares is shown.
func (rb *Run) declarationChoice() any {
	return struct {
		Incident string `json:"incident"`
		Scenario string `json:"scenario"`
		Service  string `json:"service"`
		Target   string `json:"target"`
		Effect   string `json:"effect"`
	}{
		rb.spec.Incident, rb.spec.Plan.Runbook.Scenario, rb.spec.Plan.Service.Name, rb.book.Target,
		"from here on this run may change the service",
	}
}

func (rb *Run) declare(by string, proof warrant.Proof) {
	at := workflow.Now(rb.ctx).UTC()
	rb.book.Declared = &declared{By: by, At: at, Proof: proof}
	rb.book.Instants.Declared = recovery.Instant{At: at, Source: by, Known: true, ClockKnown: true}
	rb.record(evidence.Entry{Kind: evidence.GatePassed, Title: "Incident declared", Actor: by})
	rb.show()
}
