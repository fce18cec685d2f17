package runbook_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock" //nolint:depguard // the SDK's test clock needs its matchers; no server is doubled
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

// signers holds a key per person, made from the person's name.
func signer(t testing.TB, person string) ssh.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, person)
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return s
}

// extract is a plan with a commander (ann, backup bob), a lead (cas, backup
// dee) and an observer without authority (eve).
func extract(t testing.TB) plan.Extract {
	t.Helper()
	person := func(id string) plan.Person {
		return plan.Person{ID: id, Name: id, Keys: []string{string(ssh.MarshalAuthorizedKey(signer(t, id).PublicKey()))}}
	}
	both, commander := []string{"commander", "lead"}, []string{"commander"}
	return plan.Extract{
		PlanHash: plan.HashOf([]byte("a plan")),
		Service:  plan.Service{Name: "house", Title: "The house"},
		Runbook: plan.Runbook{
			Scenario: "move-house", Title: "Move house",
			Phases: []plan.Phase{
				{Name: "look", Title: "Look", Budget: plan.Duration(10 * time.Minute)},
				{Name: "move", Title: "Move", Budget: plan.Duration(time.Hour)},
				{Name: "end", Title: "End", Budget: plan.Duration(20 * time.Minute)},
			},
			Gates:            []plan.Gate{{Name: "move", Title: "Move the data", Roles: both, Quorum: 2, Expiry: plan.Duration(2 * time.Hour)}},
			RollbackDeadline: plan.Duration(24 * time.Hour), AtDeadline: plan.DeadlineRollback,
			Unattended: plan.Unattended{OnFailure: plan.FailureAbort, Attempts: 1, Gates: plan.GateAutomatic},
		},
		People: []plan.Person{person("ann"), person("bob"), person("cas"), person("dee"), person("eve")},
		Roles: []plan.Role{
			{Name: "commander", Primary: "ann", Backup: "bob"},
			{Name: "lead", Primary: "cas", Backup: "dee"},
			{Name: "observer", Primary: "eve"},
		},
		Authority: map[plan.Message][]string{
			plan.Declare: commander, plan.Approve: both, plan.Reject: both, plan.Acknowledge: both, plan.Pause: both,
			plan.Resume: both, plan.Resolve: commander, plan.Extend: commander, plan.Commit: commander, plan.Rollback: commander,
		},
		Escalation: []plan.ResolvedLevel{
			{Level: 1, After: plan.Duration(15 * time.Minute)},
			{Level: 2, After: plan.Duration(30 * time.Minute)},
			{Level: 3, After: plan.Duration(time.Hour)},
		},
	}
}

// bench is one run of the toy runbook in the SDK's test environment, with real
// stores in directories.
type bench struct {
	t      testing.TB
	env    *testsuite.TestWorkflowEnvironment
	door   *Door
	stores []store.Store
	record *stored.Activities
	in     Input
	seq    uint64
	// answer decides what people send for an open question; nil: nothing.
	answer func(q runbook.OpenQuestion) []approval.Message
	every  func()        // called every tick
	tick   time.Duration // of workflow time, at which people look
	ended  bool
}

func newBench(t *testing.T) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &bench{t: t, env: suite.NewTestWorkflowEnvironment(), door: &Door{fail: map[string][]error{}}, in: Input{Plan: extract(t)}, tick: 10 * time.Second}
	b.env.SetTestTimeout(30 * time.Second)
	b.stores = []store.Store{fileStore(t, "one"), fileStore(t, "two")}
	b.env.RegisterWorkflow(MoveHouse)
	b.env.RegisterWorkflow(TooEarly)
	b.env.RegisterActivityWithOptions(b.door, activity.RegisterOptions{Name: "runbook_test."})
	b.record = &stored.Activities{Stores: b.stores}
	b.env.RegisterActivityWithOptions(b.record, activity.RegisterOptions{Name: stored.Prefix})
	b.answer = b.agree
	return b
}

// share makes the run keep its record in stores that others use too.
func (b *bench) share(stores []store.Store) {
	if stores != nil {
		b.stores, b.record.Stores = stores, stores
	}
}

// runAs runs the workflow under an ID of its own: the test environment gives every
// run the same run ID, and so the stores would take two runs for one.
func (b *bench) runAs(id string) {
	b.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: id})
	b.run(MoveHouse)
}

func fileStore(t testing.TB, name string) store.Store {
	t.Helper()
	s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// run runs the workflow to its end, with people looking every tick.
func (b *bench) run(fn any) {
	b.watch()
	b.env.ExecuteWorkflow(fn, b.in)
	b.ended = true
	require.True(b.t, b.env.IsWorkflowCompleted())
}

func (b *bench) watch() {
	b.env.RegisterDelayedCallback(func() {
		if b.ended || b.env.IsWorkflowCompleted() {
			return
		}
		if b.every != nil {
			b.every()
		}
		for _, q := range b.status().Questions {
			for _, m := range b.answer(q) {
				b.send(m)
			}
		}
		b.watch()
	}, b.tick)
}

func (b *bench) status() runbook.Status {
	var s runbook.Status
	value, err := b.env.QueryWorkflow(runbook.QueryStatus)
	require.NoError(b.t, err)
	require.NoError(b.t, value.Get(&s))
	return s
}

// entries is the timeline as the query shows it.
func (b *bench) entries() runbook.Timeline {
	var tl runbook.Timeline
	value, err := b.env.QueryWorkflow(runbook.QueryTimeline)
	require.NoError(b.t, err)
	require.NoError(b.t, value.Get(&tl))
	return tl
}

// message is person's answer of kind to q, complete.
func (b *bench) message(person string, kind approval.Kind, q runbook.OpenQuestion) approval.Message {
	var m approval.Message
	for _, template := range q.Templates {
		if template.Kind == kind {
			m = template
		}
	}
	require.NotEmpty(b.t, m.Kind, "question %s takes no %s", q.Key, kind)
	return b.complete(person, m)
}

func (b *bench) complete(person string, m approval.Message) approval.Message {
	b.seq++
	m.Person, m.Sequence, m.Reason = person, b.seq, "because of the test"
	m.IssuedAt, m.ExpiresAt = b.env.Now(), b.env.Now().Add(time.Hour)
	return m
}

func (b *bench) sign(m approval.Message) approval.Signed {
	s, err := approval.Sign(m, signer(b.t, m.Person))
	require.NoError(b.t, err)
	return s
}

// send sends m as signal.
func (b *bench) send(m approval.Message) { b.env.SignalWorkflow(string(m.Kind), b.sign(m)) }

// agree is what people do when all goes well: ann declares, bob and cas
// approve, ann keeps.
func (b *bench) agree(q runbook.OpenQuestion) []approval.Message {
	switch {
	case q.Key == "declaration":
		return []approval.Message{b.message("ann", approval.Declare, q)}
	case strings.HasPrefix(q.Key, "gate:"):
		return []approval.Message{b.message("bob", approval.Approve, q), b.message("cas", approval.Approve, q)}
	case q.Key == "provisional":
		return []approval.Message{b.message("ann", approval.Commit, q)}
	}
	return nil
}

func (b *bench) result() Result {
	var r Result
	require.NoError(b.t, b.env.GetWorkflowResult(&r))
	return r
}

func (b *bench) pending() []stored.UndoRecord {
	s := b.status()
	pending, err := stored.Pending(b.t.Context(), b.stores, stored.Run{WorkflowID: s.WorkflowID, FirstRunID: s.FirstRunID})
	require.NoError(b.t, err)
	return pending
}

// anything matches an argument where a test lets the SDK's test environment
// play a timeout or an activity of hours.
const anything = mock.Anything

// carriedOf is what a run that continued as new handed on.
func carriedOf(t *testing.T, b *bench) *runbook.Carried {
	t.Helper()
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, b.env.GetWorkflowError(), &next)
	var in Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
	require.NotNil(t, in.Carried)
	return in.Carried
}
