package warranttest

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Story is who signed what.
type Story struct {
	Plan     *plan.Plan
	PlanHash string // instead of the plan's own
	Signer   func(person string) ssh.Signer

	Run       string // workflow ID and first run ID
	Token     uint64
	Incident  string
	Target    string
	Gate      string // empty: none was passed
	Declarer  string
	Approvers []string
	Committer string    // empty: the cut-over was not committed
	Issued    time.Time // valid for an hour from then

	Beforehand        bool // the declaration was signed before the run existed
	Service, Database string
}

// head is the timeline at which every question of a story was opened.
var head = strings.Repeat("ab", 32) //nolint:gochecknoglobals // a constant

// Warrant signs the story.
func (s Story) Warrant(t testing.TB) warrant.Warrant {
	t.Helper()
	w := warrant.Warrant{Holder: s.Run, Token: s.Token, Declaration: s.declaration(t)}
	if s.Committer != "" {
		w.Commit = &warrant.Proof{Number: 3}
		m := s.message(s.Committer, approval.Commit)
		m.Nonce, m.TimelineHead, m.ChoiceHash = approval.Nonce(head, warrant.CommitKey, w.Commit.Number), head, "beef"
		w.Commit.Messages = []approval.Signed{s.sign(t, m)}
	}
	if s.Gate == "" {
		return w
	}
	w.Gate = &warrant.Proof{Number: 2}
	for _, person := range s.Approvers {
		m := s.message(person, approval.Approve)
		m.Nonce, m.TimelineHead, m.ChoiceHash = approval.Nonce(head, warrant.GateKey(s.Gate), w.Gate.Number), head, "c0ffee"
		w.Gate.Messages = append(w.Gate.Messages, s.sign(t, m))
	}
	return w
}

func (s Story) declaration(t testing.TB) warrant.Proof {
	t.Helper()
	m := s.message(s.Declarer, approval.Declare)
	if !s.Beforehand {
		proof := warrant.Proof{Number: 1}
		m.Nonce, m.TimelineHead, m.ChoiceHash = approval.Nonce(head, warrant.DeclarationKey, proof.Number), head, "decade"
		proof.Messages = []approval.Signed{s.sign(t, m)}
		return proof
	}
	choice, err := approval.Occasion{Incident: s.Incident, Scenario: "database-corruption", Service: s.Service, Database: s.Database}.Choice()
	if err != nil {
		t.Fatal(err)
	}
	m.FirstRunID, m.Target, m.ChoiceHash = "", "", choice.Hash
	return warrant.Proof{Choice: choice.Text, Messages: []approval.Signed{s.sign(t, m)}}
}

func (s Story) message(person string, kind approval.Kind) approval.Message {
	at := strings.LastIndexByte(s.Run, '/')
	hash := s.PlanHash
	if hash == "" {
		hash = string(s.Plan.Hash())
	}
	return approval.Message{
		Kind: kind, Person: person, WorkflowID: s.Run[:at], FirstRunID: s.Run[at+1:], Incident: s.Incident, Target: s.Target,
		PlanHash: hash, IssuedAt: s.Issued, ExpiresAt: s.Issued.Add(time.Hour), Sequence: 1,
	}
}

func (s Story) sign(t testing.TB, m approval.Message) approval.Signed {
	t.Helper()
	signed, err := approval.Sign(m, s.Signer(m.Person))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
