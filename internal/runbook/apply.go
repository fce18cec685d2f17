package runbook

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// apply carries out a message that counts, signed as s, and records it with the
// fingerprint of the key that signed it.
func (rb *Run) apply(m approval.Message, s approval.Signed) (Receipt, error) {
	if m.Kind == approval.Pause || m.Kind == approval.Resume {
		return rb.applyPause(m)
	}
	q, err := rb.questionFor(m)
	if err != nil {
		return Receipt{}, err
	}
	if err := rb.checkAnswer(q, m); err != nil {
		return Receipt{}, err
	}
	rb.count(m)
	rb.recordMessage(m, q.Title, s.KeyFingerprint())
	missing := rb.answerWith(q, m, s)
	return Receipt{
		Kind: m.Kind, Person: m.Person, Title: q.Title, Settled: q.Answer != nil, Missing: missing, Head: rb.chain.Head().Hash.String(),
	}, nil
}

// questionFor finds the open question that m names by its nonce.
func (rb *Run) questionFor(m approval.Message) (*question, error) {
	for _, q := range rb.book.Questions {
		if m.Nonce == q.Nonce {
			return q, nil
		}
	}
	if m.Kind == approval.Declare && m.Nonce == "" { // signed beforehand, sent late
		if q := rb.questionOf(declarationKey); q != nil {
			return rb.beforehand(q, m)
		}
	}
	return nil, failure.New(failure.Refused, "no open question has nonce %.32q", m.Nonce).
		WithHint("starter status shows the open questions")
}

// beforehand judges a declaration that was signed before the run existed and came
// after it began. There is a question by now, which says what is declared: that is
// what must be signed.
func (rb *Run) beforehand(q *question, m approval.Message) (*question, error) {
	if q.Answer != nil {
		return nil, failure.New(failure.Refused, "the incident was declared already by %s", q.Answer.By)
	}
	if bindsDeclarations(rb.ctx) {
		return nil, failure.New(failure.Refused, "a declaration signed beforehand counts only when the run is started with it").
			WithHint("sign for this run: starter declare --run %s", shellQuote(rb.id.WorkflowID))
	}
	if m.ChoiceHash != "" || m.TimelineHead != "" {
		return nil, failure.New(failure.Refused, "a declaration signed beforehand names no choice and no timeline")
	}
	return q, nil
}

// answerWith gives q the answer in m. It returns how many approvals are missing.
func (rb *Run) answerWith(q *question, m approval.Message, s approval.Signed) (missing int) {
	switch m.Kind {
	case approval.Acknowledge:
		q.Acknowledged = m.Person
		return q.Quorum - len(q.Votes)
	case approval.Approve:
		return rb.vote(q, m, s)
	default:
		rb.answer(q, answer{
			Kind: m.Kind, Verdict: m.Verdict, By: m.Person, Reason: m.Reason,
			Extend: time.Duration(m.ExtendSeconds) * time.Second, Signed: &s,
		})
		return 0
	}
}

// vote counts one person's approval. A person counts once, and an approval only
// until it expires.
func (rb *Run) vote(q *question, m approval.Message, s approval.Signed) (missing int) {
	q.Votes = slices.DeleteFunc(q.Votes, func(v vote) bool {
		return v.Person == m.Person || !rb.Now().Before(v.ExpiresAt)
	})
	q.Votes = append(q.Votes, vote{Person: m.Person, At: rb.Now(), ExpiresAt: m.ExpiresAt, Signed: s})
	if missing = q.Quorum - len(q.Votes); missing > 0 {
		return missing
	}
	var people []string
	for _, v := range q.Votes {
		people = append(people, v.Person)
	}
	rb.answer(q, answer{Kind: approval.Approve, By: strings.Join(people, ", "), Reason: m.Reason})
	return 0
}

func (rb *Run) applyPause(m approval.Message) (Receipt, error) {
	paused := rb.book.PausedBy != ""
	if paused == (m.Kind == approval.Pause) {
		return Receipt{}, failure.New(failure.Refused, "nothing to %s", m.Kind)
	}
	rb.count(m)
	entry := evidence.Entry{Kind: evidence.RunPaused, Title: "Paused", Actor: m.Person, Detail: m.Reason}
	rb.book.PausedBy = m.Person
	if m.Kind == approval.Resume {
		entry.Kind, entry.Title, rb.book.PausedBy = evidence.RunResumed, "Resumed", ""
	}
	rb.record(entry)
	return Receipt{Kind: m.Kind, Person: m.Person, Settled: true, Head: rb.chain.Head().Hash.String()}, nil
}

// recordMessage puts an accepted message on the timeline.
func (rb *Run) recordMessage(m approval.Message, title, key string) {
	kinds := map[approval.Kind]evidence.Kind{approval.Approve: evidence.GateApproved, approval.Reject: evidence.GateRejected}
	kind, ok := kinds[m.Kind]
	if !ok {
		kind = evidence.MessageAccepted
	}
	data := []evidence.Pair{
		{Key: "kind", Value: string(m.Kind)},
		{Key: "verdict", Value: string(m.Verdict)},
		{Key: "sequence", Value: strconv.FormatUint(m.Sequence, 10)},
		{Key: "choice_hash", Value: m.ChoiceHash},
	}
	if namesSigningKeys(rb.ctx) {
		data = append(data, evidence.Pair{Key: "key", Value: key})
	}
	rb.record(evidence.Entry{Kind: kind, Title: title, Actor: m.Person, Detail: m.Reason, Target: m.Target, Data: data})
}

func decimal(n int) string { return strconv.Itoa(n) }
