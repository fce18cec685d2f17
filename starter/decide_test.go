package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// statusWith is a run with one open gate that shows choice.
func statusWith(t *testing.T, choice any, keys ...string) runbook.Status {
	t.Helper()
	shown, err := approval.ChoiceOf(choice)
	if err != nil {
		t.Fatal(err)
	}
	status := runbook.Status{WorkflowID: "recover/desk", FirstRunID: "run-1", Incident: "INC-1", PlanHash: "abc"}
	for _, key := range keys {
		question := runbook.OpenQuestion{
			Key: key, Title: "Restore?", Accepts: []approval.Kind{approval.Approve, approval.Reject}, Choice: shown.Text, Target: "system 7",
		}
		for _, kind := range []approval.Kind{approval.Approve, approval.Reject, approval.Acknowledge} {
			question.Templates = append(question.Templates, approval.Message{
				Kind: kind, WorkflowID: status.WorkflowID, FirstRunID: status.FirstRunID, Incident: status.Incident, PlanHash: status.PlanHash,
				Nonce: "nonce-" + key, Target: question.Target, ChoiceHash: shown.Hash, TimelineHead: "head", Sequence: 4,
			})
		}
		status.Questions = append(status.Questions, question)
	}
	return status
}

// writeKey makes an SSH key file and its authorized_keys line.
func writeKey(t *testing.T) (file, line string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	wire, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return file, string(ssh.MarshalAuthorizedKey(wire))
}

func TestWhatIsShownIsWhatIsSigned(t *testing.T) {
	t.Parallel()
	file, line := writeKey(t)
	status := statusWith(t, map[string]string{"set": "20260301T001122Z-f-0a1b2c3d"}, "gate:restore")
	d := decision{kind: approval.Approve, signing: signing{person: "commander", keyFile: file, validity: time.Hour, reason: "looks right"}}
	message, err := d.message(status)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := d.sign(message)
	if err != nil {
		t.Fatal(err)
	}
	got, err := approval.Verify(signed, func(string) []string { return []string{line} }, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := approval.ChoiceOf(map[string]string{"set": "20260301T001122Z-f-0a1b2c3d"})
	if err != nil {
		t.Fatal(err)
	}
	if got.ChoiceHash != shown.Hash || status.Questions[0].Choice != shown.Text {
		t.Errorf("signed %s, shown %s", got.ChoiceHash, shown.Hash)
	}
	if got.Person != "commander" || got.Reason != "looks right" || got.Nonce != "nonce-gate:restore" || got.Target != "system 7" || got.Sequence != 4 {
		t.Errorf("signed %+v", got)
	}
}

// A status whose text and hash disagree must not be signed: somebody would
// approve what was never shown.
func TestAChoiceThatIsNotWhatItsHashSaysIsNotSigned(t *testing.T) {
	t.Parallel()
	status := statusWith(t, "harmless", "gate:restore")
	status.Questions[0].Choice = `"something else"`
	_, err := decision{kind: approval.Approve}.message(status)
	if !failure.Is(err, failure.Corrupt) {
		t.Fatalf("got %v", err)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	one, two := statusWith(t, "x", "gate:restore"), statusWith(t, "x", "gate:restore", "gate:cut-over")
	for name, test := range map[string]struct {
		decision decision
		status   runbook.Status
		class    failure.Class
		check    func(approval.Message) bool
	}{
		"one question":       {decision{kind: approval.Reject}, one, "", func(m approval.Message) bool { return m.Nonce == "nonce-gate:restore" }},
		"named of two":       {decision{kind: approval.Approve, question: "gate:cut-over"}, two, "", func(m approval.Message) bool { return m.Nonce == "nonce-gate:cut-over" }},
		"two, none named":    {decision{kind: approval.Approve}, two, failure.InvalidInput, nil},
		"another kind":       {decision{kind: approval.Commit}, one, failure.NotFound, nil},
		"acknowledge":        {decision{kind: approval.Acknowledge}, one, "", func(m approval.Message) bool { return m.Kind == approval.Acknowledge }},
		"pause needs none":   {decision{kind: approval.Pause}, runbook.Status{WorkflowID: "w"}, "", func(m approval.Message) bool { return m.Nonce == "" && m.Sequence > 0 }},
		"pause while asking": {decision{kind: approval.Pause}, one, "", func(m approval.Message) bool { return m.Sequence == 4 && m.ChoiceHash == "" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message, err := test.decision.message(test.status)
			if failure.ClassOf(err) != test.class {
				t.Fatalf("got %v, want class %q", err, test.class)
			}
			if err == nil && !test.check(message) {
				t.Errorf("message %+v", message)
			}
			if err != nil && failure.HintOf(err) == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

func TestSigningNeedsAPersonAndAKey(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	for _, s := range []signing{{keyFile: "/nowhere", validity: time.Hour}, {person: "commander", validity: time.Hour}} {
		_, err := s.sign(approval.Message{Kind: approval.Pause})
		if !failure.Is(err, failure.InvalidInput) || !strings.Contains(failure.HintOf(err), "--") {
			t.Errorf("got %v, hint %q", err, failure.HintOf(err))
		}
	}
}
