package runbook

import (
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Warrant returns what this run shows a host before it does anything destructive
// there: the lease's token, the declaration as it was signed, the approvals of gate,
// "" for none, and how the cut-over was committed, if it was. It is nil before the declaration, and for a drill, which no
// person signs for. Ask for it when the step begins: what it holds grows.
func (rb *Run) Warrant(gate string) *warrant.Warrant {
	d := rb.book.Declared
	if d == nil || len(d.Proof.Messages) == 0 {
		return nil
	}
	w := &warrant.Warrant{Holder: rb.holder(), Token: rb.book.Lease.Token, Requester: rb.spec.Requester, Declaration: d.Proof}
	if q := rb.questionOf(warrant.GateKey(gate)); q != nil && q.Answer != nil && q.Answer.Kind == approval.Approve {
		proof := q.proof()
		w.Gate = &proof
	}
	if q := rb.questionOf(provisionalKey); q != nil && q.Answer != nil && q.Answer.Kind == approval.Commit {
		proof := q.proof()
		w.Commit = &proof
	}
	return w
}

// proof is how q was answered, as people signed it.
func (q *question) proof() warrant.Proof {
	proof := warrant.Proof{Number: q.Number}
	for _, v := range q.Votes {
		proof.Messages = append(proof.Messages, v.Signed)
	}
	if len(q.Votes) == 0 && q.Answer != nil && q.Answer.Signed != nil {
		proof.Messages = append(proof.Messages, *q.Answer.Signed)
	}
	return proof
}
