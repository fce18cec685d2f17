package runbook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// asked are the notices that say that a question is open.
func (d *Door) asked() []Way {
	d.mu.Lock()
	defer d.mu.Unlock()
	var asked []Way
	for _, w := range d.told {
		if strings.HasPrefix(w.Name, "Target: ") {
			asked = append(asked, w)
		}
	}
	return asked
}

// TestWhoMayDecideIsToldAtOnce: with the commands, before any level of escalation,
// once, and nobody who may not.
func TestWhoMayDecideIsToldAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range b.in.Plan.People {
		b.in.Plan.People[i].Email = b.in.Plan.People[i].ID + "@house.example"
	}
	b.in.Requester = "dee"
	var began time.Time
	b.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if info.ActivityType.Name == "runbook_test.Tell" && began.IsZero() {
			began = b.env.Now()
		}
	})
	b.run(MoveHouse)
	require.NoError(t, b.env.GetWorkflowError())
	require.Less(t, began.Sub(b.result().Summary.StartedAt), time.Minute)
	asked := b.door.asked()
	require.Len(t, asked, 3, "declaration, gate, cut-over")
	require.Equal(t, []string{"ann", "bob"}, asked[0].To)
	require.Equal(t, []string{"bob", "cas"}, asked[1].To, "ann declared, dee asked for the run, eve may not")
	require.Contains(t, asked[1].Name, "starter approve --run default-test-workflow-id")
	require.Contains(t, asked[1].Name, "starter reject --reason TEXT --run default-test-workflow-id")
	require.Contains(t, asked[1].Name, "Target: door 1\nDecide before ")
	require.Contains(t, asked[2].Name, "starter commit")
}

// TestNobodyToMail: the first level of escalation is told where no decider has an
// address.
func TestNobodyToMail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.in.Plan.Escalation[0].Notify = []plan.Addressee{{ID: "desk", Email: "desk@house.example"}}
	b.run(MoveHouse)
	require.Equal(t, []string{"ann", "bob", "desk"}, b.door.asked()[0].To)
}

// TestCancelDoesNotDiscardACutOver: on a real server, a request to cancel that comes
// after the cut-over ends nothing; people hear of it, and what they sign decides.
func TestCancelDoesNotDiscardACutOver(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for kind, outcome := range map[approval.Kind]runbook.Outcome{approval.Commit: runbook.Recovered, approval.Rollback: runbook.RolledBack} {
		id := "cancel-" + string(kind)
		run := s.start(id, Input{Plan: extract(t)})
		s.rawSignal(id, "declare", s.signed("ann", approval.Declare, s.question(id, "declaration")))
		gate := s.question(id, "gate:move")
		s.rawSignal(id, "approve", s.signed("bob", approval.Approve, gate))
		s.rawSignal(id, "approve", s.signed("cas", approval.Approve, gate))
		cutOver := s.question(id, "provisional")
		s.raw("workflow", "cancel", "--workflow-id", id)

		require.Eventually(t, func() bool {
			return s.timelineHas(id, evidence.Finding, "a request to cancel the run was not carried out")
		},
			20*time.Second, 100*time.Millisecond)
		require.Eventually(t, func() bool { return strings.Contains(s.toldText(), "starter rollback --reason TEXT --run "+id) }, 20*time.Second, 100*time.Millisecond)
		s.rawSignal(id, string(kind), s.signedFor("ann", kind, cutOver, "because of the test"))
		var result Result
		require.NoError(t, run.Get(t.Context(), &result))
		require.Equal(t, outcome, result.Summary.Outcome)
	}
}

// TestCancelBeforeTheCutOverUndoes: on a real server, it ends the run as before.
func TestCancelBeforeTheCutOverUndoes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	const id = "cancel-early"
	run := s.start(id, Input{Plan: extract(t)})
	s.rawSignal(id, "declare", s.signed("ann", approval.Declare, s.question(id, "declaration")))
	s.question(id, "gate:move")
	s.raw("workflow", "cancel", "--workflow-id", id)
	require.ErrorContains(t, run.Get(t.Context(), nil), "canceled")
	effects, closed := s.door.seen()
	require.Equal(t, []string{"look", "close", "open", "sweep"}, effects)
	require.False(t, closed)
}

func (s *server) toldText() string {
	var text strings.Builder
	for _, w := range s.door.asked() {
		text.WriteString(w.Name)
	}
	return text.String()
}

func (s *server) timelineHas(id string, kind evidence.Kind, title string) bool {
	value, err := s.client.QueryWorkflow(s.t.Context(), id, "", runbook.QueryTimeline)
	var timeline runbook.Timeline
	if err != nil || value.Get(&timeline) != nil {
		return false
	}
	for _, e := range timeline.Entries {
		if e.Kind == kind && strings.HasPrefix(e.Title, title) {
			return true
		}
	}
	return false
}
