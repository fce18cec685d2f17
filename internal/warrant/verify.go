package warrant

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Verdict is what holds of a warrant that is sound.
type Verdict struct {
	// Proofs are the digests of the proofs that were looked at, and Expires when the
	// first of their messages does. What is expired is not wrong by itself: a host
	// that accepted the proof while it was valid may go on, and an undo always may.
	Proofs  []string
	Expires time.Time
}

// Verify judges w against the plan for what is needed; see the package comment.
// now is the host's clock, and only a message from the future is wrong by it.
//
// Errors: failure.Forbidden where people did not sign for this; failure.Refused
// where they did, and it does not fit; failure.IdentityMismatch where they signed
// for another run, plan or target.
func Verify(w *Warrant, p *plan.Plan, need Need, now time.Time) (Verdict, error) {
	if w == nil {
		return Verdict{}, failure.New(failure.Forbidden, "the request for run %q shows no signed declaration", need.Run).
			WithHint("start the run again: starter run; to take back what an older one left: starter undo on this host")
	}
	j := judge{plan: p, need: need, now: now}
	declarer, err := j.declaration(w.Declaration)
	if err != nil {
		return Verdict{}, failure.Wrap(failure.ClassOf(err), err, "judge the declaration of run %q", need.Run)
	}
	if w.Holder != need.Run {
		return Verdict{}, failure.New(failure.IdentityMismatch, "the lease shown is that of %q, the request is for run %q", w.Holder, need.Run).
			WithHint("see who holds it: starter status")
	}
	if need.Commit {
		if err := j.commit(w.Commit); err != nil {
			return Verdict{}, failure.Wrap(failure.ClassOf(err), err, "judge the commit of run %q", need.Run)
		}
	}
	if need.Gate == nil {
		return j.verdict, nil
	}
	if w.Gate == nil {
		return Verdict{}, failure.New(failure.Forbidden, "run %q shows no approval of gate %q", need.Run, need.Gate.Name).
			WithHint("the gate must be approved first: starter status")
	}
	if err := j.gate(*w.Gate, declarer, w.Requester); err != nil {
		return Verdict{}, failure.Wrap(failure.ClassOf(err), err, "judge the approvals of gate %q of run %q", need.Gate.Name, need.Run)
	}
	return j.verdict, nil
}

// judge is one judgement.
type judge struct {
	plan    *plan.Plan
	need    Need
	now     time.Time
	verdict Verdict
}

// declaration returns who declared the incident.
func (j *judge) declaration(proof Proof) (string, error) {
	if len(proof.Messages) != 1 {
		return "", failure.New(failure.Forbidden, "it has %d messages, not one", len(proof.Messages))
	}
	m, err := j.message(proof.Messages[0], approval.Declare)
	if err != nil {
		return "", err
	}
	j.count(proof, m)
	if m.FirstRunID == "" {
		return m.Person, j.beforehand(m, proof.Choice)
	}
	return m.Person, j.answers(m, DeclarationKey, proof.Number)
}

// beforehand judges a declaration that was signed before the run existed.
func (j *judge) beforehand(m approval.Message, text string) error {
	var occasion approval.Occasion
	if err := json.Unmarshal([]byte(text), &occasion); err != nil {
		return failure.Wrap(failure.Forbidden, err, "read what it was signed for")
	}
	signed, err := occasion.Choice()
	switch {
	case err != nil:
		return err
	case signed.Text != text || signed.Hash != m.ChoiceHash:
		return failure.New(failure.Forbidden, "it was not signed for the occasion shown with it")
	case occasion.Service != j.need.Service || occasion.Database != j.need.Database || occasion.Incident != m.Incident:
		return failure.New(failure.IdentityMismatch, "it was signed for database %q of service %q, not for %q of %q",
			occasion.Database, occasion.Service, j.need.Database, j.need.Service)
	case m.ExpiresAt.Sub(m.IssuedAt) > approval.MaxBeforehand:
		return failure.New(failure.Refused, "signed beforehand it is valid for %s, at most %s is allowed", m.ExpiresAt.Sub(m.IssuedAt), approval.MaxBeforehand)
	}
	return nil
}

// gate judges the approvals of the gate that is needed.
func (j *judge) gate(proof Proof, declarer, requester string) error {
	gate, err := j.findGate()
	if err != nil {
		return err
	}
	var people []string
	var first approval.Message
	for i, signed := range proof.Messages {
		m, err := j.message(signed, approval.Approve)
		if err != nil {
			return err
		}
		if i == 0 {
			first = m
		}
		switch {
		case m.Nonce != first.Nonce || m.ChoiceHash != first.ChoiceHash || m.TimelineHead != first.TimelineHead || m.Target != first.Target:
			return failure.New(failure.Refused, "%s and %s approved different things", first.Person, m.Person)
		case !j.holds(m.Person, gate.Roles):
			return failure.New(failure.Refused, "%s holds no role of the gate: %v", m.Person, gate.Roles)
		case m.Person == declarer || m.Person == requester:
			return failure.New(failure.Refused, "%s asked for this run and so may not approve it", m.Person)
		}
		if err := j.answers(m, GateKey(gate.Name), proof.Number); err != nil {
			return err
		}
		if !slices.Contains(people, m.Person) {
			people = append(people, m.Person)
		}
		j.count(proof, m)
	}
	if len(people) < max(gate.Quorum, 1) {
		return failure.New(failure.Refused, "%d people approved, the plan wants %d", len(people), max(gate.Quorum, 1))
	}
	return nil
}

// commit judges that whoever may commit a cut-over did, or that the plan did.
func (j *judge) commit(proof *Proof) error {
	switch {
	case proof == nil:
		return failure.New(failure.Forbidden, "it was not decided").WithHint("starter commit --run %s", workflowOf(j.need.Run))
	case len(proof.Messages) == 0:
		return j.commitAtDeadline()
	case len(proof.Messages) != 1:
		return failure.New(failure.Forbidden, "it has %d messages, not one", len(proof.Messages))
	}
	m, err := j.message(proof.Messages[0], approval.Commit)
	if err != nil {
		return err
	}
	return j.answers(m, CommitKey, proof.Number)
}

// commitAtDeadline judges a commit that nobody signed.
func (j *judge) commitAtDeadline() error {
	if j.need.Gate == nil {
		return failure.New(failure.Internal, "a commit needs the runbook that it is of")
	}
	book, err := j.plan.Runbook(j.need.Gate.Scenario)
	if err != nil {
		return err
	}
	if book.AtDeadline != plan.DeadlineCommit {
		return failure.New(failure.Forbidden, "nobody signed it, and the plan commits nothing by itself (at_deadline of %s)", book.Scenario).
			WithHint("starter commit --run %s", workflowOf(j.need.Run))
	}
	return nil
}

func (j *judge) findGate() (plan.Gate, error) {
	book, err := j.plan.Runbook(j.need.Gate.Scenario)
	if err != nil {
		return plan.Gate{}, err
	}
	i := slices.IndexFunc(book.Gates, func(g plan.Gate) bool { return g.Name == j.need.Gate.Name })
	if i < 0 {
		return plan.Gate{}, failure.New(failure.NotFound, "runbook %s of this host's plan has no gate %q", book.Scenario, j.need.Gate.Name).
			WithHint("starter plan check")
	}
	return book.Gates[i], nil
}

// message judges what holds for every message: signature, kind, authority, run,
// plan, and that it is not from the future.
func (j *judge) message(s approval.Signed, kind approval.Kind) (approval.Message, error) {
	m, err := approval.Decode(s.Payload)
	if err != nil {
		return m, failure.Wrap(failure.Forbidden, err, "read a signed message")
	}
	// Verified at the moment it was issued: what is expired is judged by the caller.
	if m, err = approval.Verify(s, j.keysOf, m.IssuedAt); err != nil {
		return m, failure.Wrap(failure.Forbidden, err, "verify a signed message")
	}
	run := m.WorkflowID + "/" + m.FirstRunID
	beforehand := kind == approval.Declare && m.FirstRunID == ""
	switch {
	case m.Kind != kind:
		return m, failure.New(failure.Forbidden, "%s signed to %s, not to %s", m.Person, m.Kind, kind)
	case !j.holds(m.Person, j.plan.Authority[plan.Message(kind)]):
		return m, failure.New(failure.Refused, "%s holds no role that may %s", m.Person, kind)
	case !beforehand && run != j.need.Run, beforehand && m.WorkflowID != workflowOf(j.need.Run):
		return m, failure.New(failure.IdentityMismatch, "%s signed for run %q, not for %q", m.Person, run, j.need.Run).
			WithHint("see what this run asks for, and sign that: starter status --run %s", workflowOf(j.need.Run))
	case m.PlanHash != string(j.plan.Hash()):
		return m, failure.New(failure.IdentityMismatch, "%s signed for plan %.12s, this host holds %.12s", m.Person, m.PlanHash, j.plan.Hash())
	case m.IssuedAt.After(j.now.Add(approval.MaxSkew)):
		return m, failure.New(failure.Refused, "%s signed at %s, in the future", m.Person, m.IssuedAt.Format(time.RFC3339)).
			WithHint("set this host's clock right: timedatectl")
	}
	return m, nil
}

// answers judges that m answered the question of that key, about the target.
func (j *judge) answers(m approval.Message, key string, number int) error {
	switch {
	case m.Nonce != approval.Nonce(m.TimelineHead, key, number):
		return failure.New(failure.Refused, "%s answered another question than %q", m.Person, key).
			WithHint("see what this run asks for, and sign that: starter status --run %s", workflowOf(j.need.Run))
	case j.need.Target != "" && m.Target != j.need.Target:
		return failure.New(failure.IdentityMismatch, "%s signed for target %q, and this is %q", m.Person, m.Target, j.need.Target).
			WithHint("look at what lies on this host: starter status; then start the run again")
	}
	return nil
}

func (j *judge) count(proof Proof, m approval.Message) {
	if digest := proof.Digest(); !slices.Contains(j.verdict.Proofs, digest) {
		j.verdict.Proofs = append(j.verdict.Proofs, digest)
	}
	if j.verdict.Expires.IsZero() || m.ExpiresAt.Before(j.verdict.Expires) {
		j.verdict.Expires = m.ExpiresAt
	}
}

func (j *judge) keysOf(person string) []string {
	for _, p := range j.plan.Team.People {
		if p.ID == person {
			return p.Keys
		}
	}
	return nil
}

func (j *judge) holds(person string, roles []string) bool {
	return person != "" && slices.Contains(j.plan.Holders(roles...), person)
}

// workflowOf is the workflow ID in "workflow ID/first run ID": run IDs hold no slash.
func workflowOf(run string) string {
	for i := len(run) - 1; i >= 0; i-- {
		if run[i] == '/' {
			return run[:i]
		}
	}
	return run
}
