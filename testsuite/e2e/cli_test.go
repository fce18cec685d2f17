package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// TestTemporalAloneSuffices starts, follows, approves and commits a recovery with
// nothing but the temporal program and messages that were signed beforehand: no
// command of holdfast takes part.
func TestTemporalAloneSuffices(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Drop)
	_, err := h.TemporalCommand(h.ctx, "workflow", "start", "--type", databasecorruption.Name, "--task-queue", "control",
		"--workflow-id", h.WorkflowID(), "--input-file", h.incidentFile(t, damage))
	h.must(t, err)
	sent := map[string]bool{}
	h.await(t, "the run to end", func() (bool, error) {
		status, err := h.queryByCLI(t)
		if err != nil {
			return false, nil //nolint:nilerr // the run has not reached its first step
		}
		for _, question := range status.Questions {
			h.signalByCLI(t, status, question, sent)
		}
		return status.State == runbook.StateEnded, nil
	})
	h.requireRecovered(t)
	h.keepHistory(t, "signals-only")
	h.requireServing(t)
	h.requireTruth(t, damage)
}

// incidentFile is what a user writes by hand.
func (h *house) incidentFile(t *testing.T, damage scenario.Damage) string {
	t.Helper()
	text, err := json.Marshal(databasecorruption.Input{
		Incident: scenario.Incident, PlanHash: h.Plan.Hash(), Service: h.Database().Service, DisruptedAt: damage.At, Summary: damage.What,
	})
	h.must(t, err)
	path := filepath.Join(h.Dir, "incident.json")
	h.must(t, os.WriteFile(path, text, 0o644))
	return path
}

func (h *house) queryByCLI(t *testing.T) (runbook.Status, error) {
	t.Helper()
	out, err := h.TemporalCommand(h.ctx, "workflow", "query", "--workflow-id", h.WorkflowID(), "--type", runbook.QueryStatus, "-o", "json")
	if err != nil {
		return runbook.Status{}, err
	}
	var answer struct {
		QueryResult []runbook.Status `json:"queryResult"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.QueryResult) != 1 {
		t.Fatalf("the answer of temporal workflow query: %v\n%.2000s", err, out)
	}
	return answer.QueryResult[0], nil
}

// signalByCLI answers question once for each approval it needs.
func (h *house) signalByCLI(t *testing.T, status runbook.Status, question runbook.OpenQuestion, sent map[string]bool) {
	t.Helper()
	kind := question.Accepts[0]
	if kind == approval.Resolve || kind == approval.Extend {
		t.Fatalf("%s: %s", question.Title, question.Choice)
	}
	if scenario.Early(status, kind) {
		return
	}
	person, err := h.Person(status, question, kind)
	h.must(t, err)
	if sent[question.Key+person] {
		return // it is on its way
	}
	sent[question.Key+person] = true
	text, err := json.Marshal(h.signed(t, question, kind, person))
	h.must(t, err)
	_, err = h.TemporalCommand(h.ctx, "workflow", "signal", "--workflow-id", h.WorkflowID(), "--name", string(kind), "--input", string(text))
	h.must(t, err)
}

// signed fills in the template that the run made and signs it, as any program
// that can make an SSH signature could.
func (h *house) signed(t *testing.T, question runbook.OpenQuestion, kind approval.Kind, person string) approval.Signed {
	t.Helper()
	var message approval.Message
	for _, template := range question.Templates {
		if template.Kind == kind {
			message = template
		}
	}
	message.Person, message.IssuedAt = person, time.Now().UTC()
	message.ExpiresAt = message.IssuedAt.Add(time.Hour)
	text, err := os.ReadFile(h.Keys.People[person])
	h.must(t, err)
	signer, err := ssh.ParsePrivateKey([]byte(strings.TrimSpace(string(text)) + "\n"))
	h.must(t, err)
	signed, err := approval.Sign(message, signer)
	h.must(t, err)
	return signed
}
