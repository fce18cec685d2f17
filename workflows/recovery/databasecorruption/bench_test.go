package databasecorruption_test

import (
	"crypto/ed25519"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/clock"
	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/notify"
	"github.com/terragonlabs/holdfast/activities/planning"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// firstRun is the run ID that the SDK's test environment gives every run.
const firstRun = "default-test-run-id"

// mostTicks ends a test whose run does not: half a day.
const mostTicks = 4000

// bench is one run in the SDK's test environment: the plan, the planning, the
// evidence and the report are real, on stores in directories.
type bench struct {
	t      *testing.T
	env    *testsuite.TestWorkflowEnvironment
	world  *world
	plan   *plan.Plan
	stores []store.Store
	in     databasecorruption.Input
	seq    uint64
	answer func(q runbook.OpenQuestion) []approval.Message // what people send for an open question
	tick   time.Duration                                   // of workflow time, at which people look
	ticks  int
	ended  bool
}

func signer(t *testing.T, person string) ssh.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, person)
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return s
}

// shipped is the plan holdfast ships with, other an invented company's; both
// with keys made here.
func shipped(t *testing.T) *plan.Plan {
	t.Helper()
	return load(t, "deploy/plans/ai-scientist.yaml")
}

func other(t *testing.T) *plan.Plan {
	t.Helper()
	p := load(t, "internal/plan/testdata/second.yaml")
	// Its own phases are another runbook's: this one names five and two gates.
	p.Runbooks[0].Phases = slices.Clone(shipped(t).Runbooks[scenarioOf(t, shipped(t))].Phases)
	gate := p.Runbooks[0].Gates[0]
	cutOver := gate
	gate.Name, cutOver.Name, cutOver.Title, cutOver.Quorum = "restore", "cut-over", "Reopen the desk", 1
	p.Runbooks[0].Gates = []plan.Gate{gate, cutOver}
	return p
}

func load(t *testing.T, name string) *plan.Plan {
	t.Helper()
	p, _, err := plan.Load(filepath.Join("..", "..", "..", filepath.FromSlash(name)))
	require.NoError(t, err)
	for i := range p.Team.People {
		person := &p.Team.People[i]
		person.Keys = []string{string(ssh.MarshalAuthorizedKey(signer(t, person.ID).PublicKey()))}
	}
	return p
}

func scenarioOf(t *testing.T, p *plan.Plan) int {
	t.Helper()
	i := slices.IndexFunc(p.Runbooks, func(r plan.Runbook) bool { return r.Scenario == databasecorruption.Scenario })
	require.GreaterOrEqual(t, i, 0)
	return i
}

func newBench(t *testing.T, p *plan.Plan) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	service := p.Databases[0].Service
	b := &bench{
		t: t, env: suite.NewTestWorkflowEnvironment(), world: newWorld(), plan: p, tick: 10 * time.Second,
		stores: []store.Store{fileStore(t, "one"), fileStore(t, "two")},
		in: databasecorruption.Input{
			Incident: "INC-1", PlanHash: p.Hash(), Service: service, Summary: "Rows are gone.",
			DisruptedAt: noon, DetectedAt: noon.Add(5 * time.Minute),
		},
	}
	b.world.judge, b.world.permit = b.judgeCommit, b.judgeRelease
	b.env.SetTestTimeout(time.Minute)
	b.env.SetStartTime(noon.Add(10 * time.Minute))
	b.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: databasecorruption.WorkflowID(service)})
	b.env.RegisterWorkflowWithOptions(databasecorruption.Run, workflow.RegisterOptions{Name: databasecorruption.Name})
	primary, _ := p.Databases[0].Primary()
	b.world.primary, b.world.pending = primary.Host, func() ([]stored.UndoRecord, error) {
		return stored.Pending(t.Context(), b.stores, b.runID())
	}
	b.register()
	b.answer = b.agree
	return b
}

func (b *bench) register() {
	for name, activities := range map[string]any{
		planning.Prefix: planning.New(b.plan), stored.Prefix: &stored.Activities{Stores: b.stores},
		reporting.Prefix: reporting.New(b.stores, "test"), postgres.Prefix: &pg{b.world}, routing.Prefix: &endpoint{b.world},
		clock.Prefix: &timepiece{}, notify.Prefix: &post{b.world}, catalog.Prefix: &shelf{b.world}, keys.Prefix: &holder{b.world},
	} {
		b.env.RegisterActivityWithOptions(activities, activity.RegisterOptions{Name: name})
	}
}

func fileStore(t *testing.T, name string) store.Store {
	t.Helper()
	s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (b *bench) runID() stored.Run {
	return stored.Run{WorkflowID: databasecorruption.WorkflowID(b.in.Service), FirstRunID: firstRun}
}

// run runs the workflow to its end, with people looking every tick.
func (b *bench) run() error {
	b.watch()
	b.env.ExecuteWorkflow(databasecorruption.Name, b.in)
	b.ended = true
	require.True(b.t, b.env.IsWorkflowCompleted())
	return b.env.GetWorkflowError()
}

func (b *bench) watch() {
	b.env.RegisterDelayedCallback(func() {
		if b.ended || b.env.IsWorkflowCompleted() {
			return
		}
		if b.ticks++; b.ticks > mostTicks {
			s := b.status()
			b.t.Errorf("the run does not end: %s, questions %v, refused %v", s.State, s.Questions, s.Refused)
			b.env.CancelWorkflow()
			return
		}
		for _, q := range b.status().Questions {
			for _, m := range b.answer(q) {
				s, err := approval.Sign(m, signer(b.t, m.Person))
				require.NoError(b.t, err)
				b.env.SignalWorkflow(string(m.Kind), s)
			}
		}
		b.watch()
	}, b.tick)
}

func (b *bench) status() runbook.Status {
	b.t.Helper()
	return query[runbook.Status](b, runbook.QueryStatus)
}

// entries is the timeline as the query shows it.
func (b *bench) entries() []evidence.Entry {
	b.t.Helper()
	return query[runbook.Timeline](b, runbook.QueryTimeline).Entries
}

func query[T any](b *bench, name string) T {
	b.t.Helper()
	var out T
	value, err := b.env.QueryWorkflow(name)
	require.NoError(b.t, err)
	require.NoError(b.t, value.Get(&out))
	return out
}

func (b *bench) result() databasecorruption.Result {
	b.t.Helper()
	var r databasecorruption.Result
	require.NoError(b.t, b.env.GetWorkflowResult(&r))
	return r
}

// people who may send kind by the plan, in the plan's order.
func (b *bench) people(kind approval.Kind) []string {
	return b.plan.Holders(b.plan.Authority[plan.Message(kind)]...)
}

// message is person's answer of kind to q, complete.
func (b *bench) message(person string, kind approval.Kind, q runbook.OpenQuestion) approval.Message {
	b.t.Helper()
	i := slices.IndexFunc(q.Templates, func(m approval.Message) bool { return m.Kind == kind })
	require.GreaterOrEqual(b.t, i, 0, "question %s takes no %s", q.Key, kind)
	m := q.Templates[i]
	b.seq++
	m.Person, m.Sequence, m.Reason = person, b.seq, "because of the test"
	m.IssuedAt, m.ExpiresAt = b.env.Now(), b.env.Now().Add(time.Hour)
	return m
}

// agree is what people do when all goes well: the first who may declares, as many
// others as the gate wants approve, and the recovery is kept.
func (b *bench) agree(q runbook.OpenQuestion) []approval.Message {
	declarer := b.people(approval.Declare)[0]
	switch {
	case q.Key == "declaration":
		return []approval.Message{b.message(declarer, approval.Declare, q)}
	case strings.HasPrefix(q.Key, "gate:"):
		var all []approval.Message
		for _, person := range b.plan.Holders(q.Roles...) {
			if person != declarer && len(all) < q.Missing {
				all = append(all, b.message(person, approval.Approve, q))
			}
		}
		return all
	case q.Key == "provisional":
		return []approval.Message{b.message(b.people(approval.Commit)[0], approval.Commit, q)}
	}
	return nil
}

// instead answers the question of that key with one message, others as agreed.
func (b *bench) instead(key string, kind approval.Kind, verdict approval.Verdict) {
	agree := b.answer
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if !strings.HasPrefix(q.Key, key) {
			return agree(q)
		}
		m := b.message(b.people(kind)[0], kind, q)
		m.Verdict = verdict
		return []approval.Message{m}
	}
}

// requireUndone: everything is as it was, undone last first, nothing is left in
// the stores, and the report says how it went.
func (b *bench) requireUndone() {
	b.t.Helper()
	b.world.requireAsBefore(b.t)
	require.Empty(b.t, pendingIn(b.t, b.stores, b.runID()))
	var registered, undone []string
	for _, e := range b.entries() {
		switch e.Kind { //nolint:exhaustive // the others are no business of undo
		case evidence.UndoRegistered:
			registered = append([]string{e.Title}, registered...)
		case evidence.UndoRan:
			undone = append(undone, e.Title)
		}
	}
	require.Equal(b.t, registered, undone, "last first")
	require.Equal(b.t, runbook.StateEnded, b.status().State)
}

// report reads the written report back from the second store.
func (b *bench) report() string {
	b.t.Helper()
	body, _, err := b.stores[1].Get(b.t.Context(), b.runID().Folder()+"report/report.md", store.GetOptions{})
	require.NoError(b.t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(b.t, err)
	return string(text)
}
