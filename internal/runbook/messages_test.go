package runbook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// refusedMessages are messages at the gate that must not count, each with the
// class of the refusal and a word of its reason.
func refusedMessages() map[string]struct {
	make  func(b *bench, q runbook.OpenQuestion) approval.Signed
	class failure.Class
	why   string
} {
	type row = struct {
		make  func(b *bench, q runbook.OpenQuestion) approval.Signed
		class failure.Class
		why   string
	}
	change := func(edit func(m *approval.Message)) func(*bench, runbook.OpenQuestion) approval.Signed {
		return func(b *bench, q runbook.OpenQuestion) approval.Signed {
			m := b.message("bob", approval.Approve, q)
			edit(&m)
			return b.sign(m)
		}
	}
	return map[string]row{
		"wrong role":     {change(func(m *approval.Message) { m.Person = "eve" }), failure.Refused, "no role"},
		"requester":      {change(func(m *approval.Message) { m.Person = "dee" }), failure.Refused, "asked for this run"},
		"declarer":       {change(func(m *approval.Message) { m.Person = "ann" }), failure.Refused, "asked for this run"},
		"other nonce":    {change(func(m *approval.Message) { m.Nonce = strings.Repeat("0", 32) }), failure.Refused, "nonce"},
		"other choice":   {change(func(m *approval.Message) { m.ChoiceHash = strings.Repeat("0", 64) }), failure.Refused, "choice"},
		"other timeline": {change(func(m *approval.Message) { m.TimelineHead = strings.Repeat("0", 64) }), failure.Refused, "timeline"},
		"other target":   {change(func(m *approval.Message) { m.Target = "door 2" }), failure.IdentityMismatch, "target"},
		"other run":      {change(func(m *approval.Message) { m.FirstRunID = "other" }), failure.IdentityMismatch, "run"},
		"other workflow": {change(func(m *approval.Message) { m.WorkflowID = "other" }), failure.IdentityMismatch, "workflow"},
		"other incident": {change(func(m *approval.Message) { m.Incident = "INC-2" }), failure.IdentityMismatch, "incident"},
		"other plan":     {change(func(m *approval.Message) { m.PlanHash = strings.Repeat("0", 64) }), failure.IdentityMismatch, "plan"},
		"expired": {change(func(m *approval.Message) {
			m.IssuedAt, m.ExpiresAt = m.IssuedAt.Add(-2*time.Hour), m.IssuedAt.Add(-time.Hour)
		}), failure.Refused, "expired"},
		"from the future": {change(func(m *approval.Message) {
			m.IssuedAt, m.ExpiresAt = m.IssuedAt.Add(time.Hour), m.IssuedAt.Add(2*time.Hour)
		}), failure.Refused, "future"},
		"old sequence": {func(b *bench, q runbook.OpenQuestion) approval.Signed {
			m := b.message("ann", approval.Reject, q) // ann declared with sequence 1
			m.Sequence = 1
			return b.sign(m)
		}, failure.Refused, "sequence"},
		"altered": {func(b *bench, q runbook.OpenQuestion) approval.Signed {
			s := b.sign(b.message("bob", approval.Approve, q))
			s.Payload = strings.Replace(s.Payload, "because", "becausE", 1)
			return s
		}, failure.Forbidden, "signature"},
		"another's key": {func(b *bench, q runbook.OpenQuestion) approval.Signed {
			m := b.message("bob", approval.Approve, q)
			s, err := approval.Sign(m, signer(b.t, "eve"))
			require.NoError(b.t, err)
			return s
		}, failure.Forbidden, "signature"},
		"unknown person": {change(func(m *approval.Message) { m.Person = "mallory" }), failure.Forbidden, "no key"},
		"not canonical": {func(b *bench, q runbook.OpenQuestion) approval.Signed {
			s := b.sign(b.message("bob", approval.Approve, q))
			s.Payload = " " + s.Payload
			return s
		}, failure.InvalidInput, "canonical"},
		"wrong kind for the gate": {func(b *bench, q runbook.OpenQuestion) approval.Signed {
			m := b.message("ann", approval.Acknowledge, q)
			m.Kind = approval.Commit
			return b.sign(m)
		}, failure.Refused, "not answered by"},
	}
}

// TestL28RefusedBySignal is L28: the rules hold in the workflow, for raw signals.
func TestL28RefusedBySignal(t *testing.T) {
	t.Parallel()
	for name, row := range refusedMessages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.in.Requester = "dee"
			agree, tried := b.answer, false
			b.answer = func(q runbook.OpenQuestion) []approval.Message {
				if !tried && strings.HasPrefix(q.Key, "gate:") {
					tried = true
					s := row.make(b, q)
					m, err := approval.Decode(strings.TrimSpace(s.Payload) + "\n")
					require.NoError(t, err)
					b.env.SignalWorkflow(string(m.Kind), s)
					return nil
				}
				return agree(q)
			}
			b.run(MoveHouse)
			require.NoError(t, b.env.GetWorkflowError(), "nothing is lost: the run goes on to its end")
			requireRefusal(t, b, row.class, row.why)
			require.Equal(t, "bob, cas", b.result().Summary.Instants.Approved[0].Source)
		})
	}
}

func requireRefusal(t *testing.T, b *bench, class failure.Class, why string) {
	t.Helper()
	for _, e := range b.entries().Entries {
		if e.Kind == evidence.GateRefused && e.Value("class") == string(class) && strings.Contains(e.Detail, why) {
			return
		}
	}
	for _, e := range b.entries().Entries {
		t.Logf("%s %s %s %v", e.Kind, e.Title, e.Detail, e.Data)
	}
	t.Fatalf("no refusal of class %s saying %q on the timeline", class, why)
}

// TestReplayedApprovalCountsOnce sends the same signed approval twice: a quorum
// of two is not reached by one person.
func TestReplayedApprovalCountsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	agree, ticks := b.answer, 0
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if !strings.HasPrefix(q.Key, "gate:") {
			return agree(q)
		}
		switch ticks++; ticks {
		case 1:
			m := b.message("bob", approval.Approve, q)
			return []approval.Message{m, m}
		case 2:
			require.Equal(t, 1, q.Missing)
			return []approval.Message{b.message("bob", approval.Approve, q)} // anew, but the same person
		case 3:
			require.Equal(t, 1, q.Missing)
			return []approval.Message{b.message("cas", approval.Approve, q)}
		}
		return nil
	}
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	requireRefusal(t, b, failure.Refused, "sequence")
}

// TestFloodOfMessages: refusals have entries up to a cap and are counted beyond.
func TestFloodOfMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	agree, flooded := b.answer, false
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if !flooded && q.Key == "gate:move" {
			flooded = true
			bad := b.sign(b.message("bob", approval.Approve, q))
			bad.Payload = strings.Replace(bad.Payload, "because", "becausE", 1)
			for range 200 {
				b.env.SignalWorkflow("approve", bad)
				b.env.SignalWorkflow("approve", "not a message at all")
			}
		}
		return agree(q)
	}
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, []runbook.RefusedCount{{Sender: "bob", Count: 200}, {Sender: "unknown", Count: 200}}, b.result().Summary.Refused)
	require.Less(t, b.entries().Head.Count, uint64(80))
}

func TestRejectedGateUndoes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "gate:move" {
			return []approval.Message{b.message("cas", approval.Reject, q)}
		}
		return agree(q)
	}
	b.run(MoveHouse)
	require.ErrorContains(t, b.env.GetWorkflowError(), "rejected by cas")
	requireSafe(t, b, b.env.GetWorkflowError())
}

// TestExpiredGateUndoes also sees every escalation level told, once.
func TestExpiredGateUndoes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.tick = 5 * time.Minute
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "gate:move" {
			return nil
		}
		return agree(q)
	}
	b.run(MoveHouse)
	require.ErrorContains(t, b.env.GetWorkflowError(), "expired")
	requireSafe(t, b, b.env.GetWorkflowError())
	require.Equal(t, 3, count(b, evidence.GateEscalated))
	require.Equal(t, 3+2, count(b, evidence.Notified), "the levels, and whoever may answer declaration and gate")
}

func count(b *bench, kind evidence.Kind) (n int) {
	for _, e := range b.entries().Entries {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
