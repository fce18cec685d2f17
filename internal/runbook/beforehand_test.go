package runbook_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

var disrupted = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// occasion is what the toy's runs are declared for.
func occasion() approval.Occasion {
	return approval.Occasion{Incident: "INC-1", Scenario: "move-house", Service: "house", DisruptedAt: disrupted}
}

// declaredBy is a declaration that person signed before the run began.
func (b *bench) declaredBy(person, workflow string, about approval.Occasion, change func(*approval.Message)) {
	b.t.Helper()
	choice, err := about.Choice()
	require.NoError(b.t, err)
	b.in.Disrupted = disrupted
	m := b.complete(person, approval.Message{
		Kind: approval.Declare, WorkflowID: workflow, Incident: "INC-1", PlanHash: string(b.in.Plan.PlanHash), ChoiceHash: choice.Hash,
	})
	if change != nil {
		change(&m)
	}
	signed := b.sign(m)
	b.in.Declaration = &signed
}

// asked reports whether people were asked to declare.
func (b *bench) asked() bool {
	for _, e := range b.entries().Entries {
		if e.Kind == evidence.GateOpened && e.Title == "Declare the incident" {
			return true
		}
	}
	return false
}

// TestDeclaredBeforehand: it declares the run it was made for, and whoever signed
// it may not approve, whoever the starter names as requester.
func TestDeclaredBeforehand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declaredBy("bob", "run-1", occasion(), nil)
	b.in.Requester = "eve"
	selfish := true
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "gate:move" && selfish {
			selfish = false
			return []approval.Message{b.message("bob", approval.Approve, q)}
		}
		if q.Key == "gate:move" {
			return []approval.Message{b.message("ann", approval.Approve, q), b.message("cas", approval.Approve, q)}
		}
		return b.agree(q)
	}
	b.runAs("run-1")
	require.NoError(t, b.env.GetWorkflowError())
	require.False(t, b.asked())
	require.Equal(t, "ann, cas", b.result().Summary.Instants.Approved[0].Source)
	b.requireRefused(failure.Refused, "bob asked for this run and so may not approve it")
}

// TestDeclarationBindsTheOccasion: one that was signed for anything else, or for
// too long, is refused on the timeline, and people are asked.
func TestDeclarationBindsTheOccasion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		about  func(*approval.Occasion)
		change func(*approval.Message)
		class  failure.Class
	}{
		"another service":  {func(o *approval.Occasion) { o.Service = "shed" }, nil, failure.IdentityMismatch},
		"another database": {func(o *approval.Occasion) { o.Database = "ledger" }, nil, failure.IdentityMismatch},
		"another incident": {func(o *approval.Occasion) { o.Incident = "INC-2" }, nil, failure.IdentityMismatch},
		"another moment":   {func(o *approval.Occasion) { o.DisruptedAt = disrupted.Add(time.Second) }, nil, failure.IdentityMismatch},
		"no occasion":      {nil, func(m *approval.Message) { m.ChoiceHash = "" }, failure.IdentityMismatch},
		"another workflow": {nil, func(m *approval.Message) { m.WorkflowID = "run-2" }, failure.IdentityMismatch},
		"valid for a day":  {nil, func(m *approval.Message) { m.ExpiresAt = m.IssuedAt.Add(24 * time.Hour) }, failure.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			about := occasion()
			if c.about != nil {
				c.about(&about)
			}
			b.declaredBy("ann", "run-1", about, c.change)
			b.runAs("run-1")
			require.NoError(t, b.env.GetWorkflowError())
			require.True(t, b.asked())
			b.requireRefused(c.class, "")
		})
	}
}

// claim takes the lease of that name for another holder.
func (b *bench) claim(service, holder string) {
	b.t.Helper()
	_, err := b.record.AcquireLease(b.t.Context(), stored.AcquireIn{Service: service, Holder: holder, TTL: time.Hour})
	require.NoError(b.t, err)
}

// TestDeclarationDeclaresOneRun: the stores remember that it was used, by a run that
// has ended. (The SDK's test environment gives every run the same run ID.)
func TestDeclarationDeclaresOneRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declaredBy("ann", "run-1", occasion(), nil)
	b.claim(fmt.Sprintf("declaration/%x", sha256.Sum256([]byte(b.in.Declaration.Payload))), "run-1/an-earlier-run")
	b.runAs("run-1")
	require.NoError(t, b.env.GetWorkflowError())
	require.True(t, b.asked())
	b.requireRefused(failure.Refused, "was used by another run already")
}

// TestLateDeclarationNamesTheQuestion: once there is a question, it is what is signed.
func TestLateDeclarationNamesTheQuestion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.declaredBy("ann", "run-1", occasion(), nil)
	late := *b.in.Declaration
	b.in.Declaration = nil
	sent := false
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "declaration" && !sent {
			sent = true
			b.env.SignalWorkflow(string(approval.Declare), late)
			return nil
		}
		return b.agree(q)
	}
	b.runAs("run-1")
	require.NoError(t, b.env.GetWorkflowError())
	b.requireRefused(failure.Refused, "counts only when the run is started with it")
}

// requireRefused: the timeline shows a refusal of that class that says text.
func (b *bench) requireRefused(class failure.Class, text string) {
	b.t.Helper()
	for _, e := range b.entries().Entries {
		if e.Kind == evidence.GateRefused && e.Value("class") == string(class) {
			require.Contains(b.t, e.Detail, text)
			return
		}
	}
	b.t.Fatalf("no refusal of class %s", class)
}
