package runbook

import (
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
)

// question is a point where people decide: a declaration, a gate, a failed
// step, a breach or a provisional cut-over.
type question struct {
	Key     string          `json:"key"` // names it within the run: "gate:restore"
	Title   string          `json:"title"`
	Accepts []approval.Kind `json:"accepts"`
	Roles   []string        `json:"roles,omitempty"` // whose holders may answer; empty: the authority table alone
	Quorum  int             `json:"quorum"`
	Self    bool            `json:"self"`    // the requester may answer too
	NoSkip  bool            `json:"no_skip"` // a required step
	Phase   string          `json:"phase,omitempty"`

	Nonce     string          `json:"nonce"`
	Number    int             `json:"number,omitempty"` // of the question in the run, from 1
	Target    string          `json:"target,omitempty"`
	Choice    approval.Choice `json:"choice"`
	Head      string          `json:"head"` // of the timeline when it was opened
	OpenedAt  time.Time       `json:"opened_at"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`

	Votes        []vote  `json:"votes,omitempty"`
	Acknowledged string  `json:"acknowledged,omitempty"` // by whom
	Escalated    int     `json:"escalated"`              // levels told
	Answer       *answer `json:"answer,omitempty"`
}

// vote is one person's counted approval.
type vote struct {
	Person    string          `json:"person"`
	At        time.Time       `json:"at"`
	ExpiresAt time.Time       `json:"expires_at"`
	Signed    approval.Signed `json:"signed,omitzero"`
}

// answer settles a question.
type answer struct {
	Kind    approval.Kind    `json:"kind,omitempty"` // empty: it expired
	Verdict approval.Verdict `json:"verdict,omitempty"`
	By      string           `json:"by"` // people, comma-separated, or "policy …"
	Reason  string           `json:"reason,omitempty"`
	Extend  time.Duration    `json:"extend_ns,omitempty"`
	At      time.Time        `json:"at"`
	Signed  *approval.Signed `json:"signed,omitempty"` // of one person's answer
}

// open puts q to the people, unless an earlier run of this chain did: then that
// question is returned, answered or not. entry is what the timeline says; its
// hash is the head every answer must name.
func (rb *Run) open(q *question, choice any, entry evidence.Entry) (*question, error) {
	if known := rb.questionOf(q.Key); known != nil {
		return known, nil
	}
	shown, err := approval.ChoiceOf(choice)
	if err != nil {
		return nil, err
	}
	rb.book.QuestionNo++
	q.Choice, q.Target, q.OpenedAt, q.Phase = shown, rb.book.Target, rb.Now(), rb.phaseName()
	q.Quorum = max(q.Quorum, 1)
	entry.Target = q.Target
	entry.Data = append(entry.Data, evidence.Pair{Key: "choice_hash", Value: shown.Hash})
	q.Head = rb.record(entry).Hash.String()
	q.Number = rb.book.QuestionNo
	q.Nonce = approval.Nonce(q.Head, q.Key, q.Number)
	rb.book.Questions = append(rb.book.Questions, q)
	rb.show()
	return q, nil
}

func (s *state) questionOf(key string) *question {
	for _, q := range s.book.Questions {
		if q.Key == key {
			return q
		}
	}
	return nil
}

// openQuestion returns the question of that key if it is known.
func (s *state) openQuestion(key string) *question { return s.questionOf(key) }

// closeQuestion forgets q, so that the same question may be asked again.
func (s *state) closeQuestion(q *question) {
	s.book.Questions = slices.DeleteFunc(s.book.Questions, func(other *question) bool { return other == q })
}

// answer settles q, once.
func (rb *Run) answer(q *question, a answer) {
	if q.Answer != nil {
		return
	}
	a.At = rb.Now()
	q.Answer = &a
	rb.show()
}
