package runbook

import (
	"crypto/sha256"
	"encoding/hex"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/warrant"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

// redeem declares the run by the message that came with it, signed before the run
// existed. One that does not count is refused on the timeline, and declared is
// false: people are asked then. The error is a cancellation.
func (rb *Run) redeem(s approval.Signed) (declared bool, err error) {
	m, err := rb.judge(string(approval.Declare), s)
	proof := warrant.Proof{Messages: []approval.Signed{s}}
	if err == nil && bindsDeclarations(rb.ctx) {
		proof.Choice, err = rb.useUp(m, s)
	}
	if temporal.IsCanceledError(err) {
		return false, err
	}
	if err != nil {
		rb.refuse(m, err)
		return false, nil
	}
	rb.count(m)
	rb.declare(m.Person, proof)
	return true, nil
}

// useUp judges that m was signed for this occasion and claims it for this run, in
// the stores and by the rule of leases: the claim outlasts the message, so that it
// declares one run and no other. It returns the occasion's text.
func (rb *Run) useUp(m approval.Message, s approval.Signed) (string, error) {
	occasion, err := approval.Occasion{
		Incident: rb.spec.Incident, Scenario: rb.spec.Plan.Runbook.Scenario, Service: rb.spec.Plan.Service.Name,
		Database: rb.spec.Plan.Database.Name, DisruptedAt: rb.spec.Disrupted,
	}.Choice()
	if err != nil {
		return "", err
	}
	validity := m.ExpiresAt.Sub(m.IssuedAt)
	switch {
	case m.FirstRunID != "" || m.ChoiceHash != occasion.Hash:
		return "", failure.New(failure.IdentityMismatch, "the declaration was not signed for this incident, service, database and moment of disruption").
			WithHint("sign for this run: starter declare --run %s", shellQuote(rb.id.WorkflowID))
	case validity > approval.MaxBeforehand:
		return "", failure.New(failure.Refused, "a declaration signed beforehand is valid for %s at most, this one for %s", approval.MaxBeforehand, validity).
			WithHint("sign for this run: starter declare --run %s", shellQuote(rb.id.WorkflowID))
	}
	sum := sha256.Sum256([]byte(s.Payload))
	in := stored.AcquireIn{Service: "declaration/" + hex.EncodeToString(sum[:]), Holder: rb.holder(), TTL: validity}
	_, err = Do(rb, "Use up the declaration", stored.Ref.AcquireLease, in, Announce, Advisory())
	if failure.Is(err, failure.Refused) {
		err = failure.New(failure.Refused, "the declaration was used by another run already").
			WithHint("sign for this run: starter declare --run %s", shellQuote(rb.id.WorkflowID))
	}
	return occasion.Text, err
}
