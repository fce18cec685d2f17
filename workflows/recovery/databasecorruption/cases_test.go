package databasecorruption_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := databasecorruption.Input{Incident: "INC-2026.1", PlanHash: "h", Service: "s", DisruptedAt: noon}
	require.NoError(t, good.Validate())
	for field, spoil := range map[string]func(in *databasecorruption.Input){
		"incident":     func(in *databasecorruption.Input) { in.Incident = "" },
		"incident:":    func(in *databasecorruption.Input) { in.Incident = "INC 1/../2" },
		"incident: ":   func(in *databasecorruption.Input) { in.Incident = strings.Repeat("a", 65) },
		"plan_hash":    func(in *databasecorruption.Input) { in.PlanHash = "" },
		"service":      func(in *databasecorruption.Input) { in.Service = "" },
		"disrupted_at": func(in *databasecorruption.Input) { in.DisruptedAt = time.Time{} },
		"summary":      func(in *databasecorruption.Input) { in.Summary = strings.Repeat("a", 2001) },
		"target.kind":  func(in *databasecorruption.Input) { in.Target = &recovery.Target{Kind: "soon"} },
		"target.lsn":   func(in *databasecorruption.Input) { in.Target = &recovery.Target{Kind: recovery.TargetLSN} },
	} {
		in := good
		spoil(&in)
		err := in.Validate()
		require.Equal(t, failure.InvalidInput, failure.ClassOf(err), field)
		require.ErrorContains(t, err, strings.TrimSpace(field))
	}
}

// TestRefusedAtOnce: nothing is looked at, and nothing is on any record.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spoil func(b *bench)
		class failure.Class
		says  string
	}{
		"other workflow ID": {func(b *bench) {
			b.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "recover-twice"})
		}, failure.InvalidInput, "so that no two run at once"},
		"bad input":   {func(b *bench) { b.in.DisruptedAt = time.Time{} }, failure.InvalidInput, "disrupted_at"},
		"other plan":  {func(b *bench) { b.in.PlanHash = plan.HashOf([]byte("x")) }, failure.IdentityMismatch, "holds plan"},
		"no database": {func(b *bench) { b.in.Database = "tides" }, failure.NotFound, "tides"},
		"the plan lacks a phase": {func(b *bench) {
			book := &b.plan.Runbooks[scenarioOf(b.t, b.plan)]
			book.Phases = book.Phases[1:]
		}, failure.InvalidInput, `no phase "assessment"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			row.spoil(b)
			b.env.ExecuteWorkflow(databasecorruption.Name, b.in)
			err := boundary.In(b.env.GetWorkflowError())
			require.Equal(t, row.class, failure.ClassOf(err), "%v", err)
			require.ErrorContains(t, err, row.says)
			require.Empty(t, b.world.seen())
		})
	}
}

// TestReplicaDoesNotAnswer: its primary is recovered all the same. Readers stay
// where they are, and the report says what was left out.
func TestReplicaDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spoil   func(w *world)
		rebuilt int
	}{
		"its server is down": {func(w *world) { w.answer["postgres.Inspect replica"] = postgres.Inspection{Why: "connection refused"} }, 1},
		"its directory is damaged": {func(w *world) {
			w.fail["postgres.Inspect replica"] = []error{failure.New(failure.Corrupt, "no control file")}
		}, 1},
		"its host is silent": {func(w *world) {
			silent := failure.New(failure.Unavailable, "nobody polls")
			w.fail["postgres.Inspect replica"] = []error{silent, silent, silent, silent}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			row.spoil(b.world)
			require.NoError(t, b.run())
			require.Zero(t, times(b, "routing.SendReaders"))
			require.Equal(t, row.rebuilt, times(b, "postgres.RebuildReplica"))
			require.Equal(t, restored.Incarnation, b.world.state.Serving)
			require.NotEmpty(t, b.result().Summary.Findings)
			require.Less(t, b.result().RTO.Total.Duration, 20*time.Minute)
			require.Contains(t, b.report(), b.result().Summary.Findings[0])
		})
	}
}

// TestSubscriptionsStayDisabledInTheCopy, and the report names each: nobody else
// would notice what their publishers do not send again.
func TestSubscriptionsStayDisabledInTheCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.world.answer["postgres.FenceWrites"] = postgres.Fence{At: noon.Add(11 * time.Minute), LSN: 0x9000000, Subscriptions: []string{"far in database shop"}}
	require.NoError(t, b.run())
	require.Len(t, b.result().Summary.Findings, 1)
	require.Contains(t, b.result().Summary.Findings[0], "subscription far in database shop stays disabled")
	require.Contains(t, b.report(), "far in database shop")
}

// TestReplicaGoesAfterTheFirstLook: readers may have been sent there, and the run
// goes on and opens the primary all the same.
func TestReplicaGoesAfterTheFirstLook(t *testing.T) {
	t.Parallel()
	silent := failure.New(failure.Unavailable, "nobody polls")
	for name, row := range map[string]struct {
		fails   string
		with    []error
		finding string
		rebuilt int
	}{
		"its host": {"postgres.Inspect replica", []error{nil, silent, silent, silent, silent}, "was not rebuilt: its host did not answer", 0},
		"the pooler cannot be read": {
			"routing.Readers", []error{silent, silent, silent, silent}, "readers were not switched", 1,
		},
		"the pooler refuses": {
			"routing.SendReaders", []error{failure.New(failure.Refused, "no such entry")}, "readers were not switched", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			b.world.fail[row.fails] = row.with
			require.NoError(t, b.run())
			require.Equal(t, row.rebuilt, times(b, "postgres.RebuildReplica"))
			require.Equal(t, restored.Incarnation, b.world.state.Serving)
			require.Less(t, b.result().RTO.Total.Duration, 20*time.Minute)
			require.Contains(t, strings.Join(b.result().Summary.Findings, "\n"), row.finding)
		})
	}
}

func TestWithoutReplicaOrEndpoint(t *testing.T) {
	t.Parallel()
	p := other(t)
	p.Databases[0].Hosts = p.Databases[0].Hosts[:1]
	b := newBench(t, p)
	require.NoError(t, b.run())
	for _, effect := range []string{"postgres.Inspect replica", "routing.Readers", "routing.SendReaders", "postgres.RebuildReplica"} {
		require.Zero(t, times(b, effect), effect)
	}
}

// TestL1MissedTargetStopsBeforeValidation: the replay says it is done, and is
// somewhere else. Nobody is asked to cut over.
func TestL1MissedTargetStopsBeforeValidation(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *recovery.Reached){
		"stopped early":  func(r *recovery.Reached) { r.LSN = 0x2200000 },
		"went on":        func(r *recovery.Reached) { r.LSN = 0x5000100 },
		"other timeline": func(r *recovery.Reached) { r.Timeline = 3 },
		"other system":   func(r *recovery.Reached) { r.SystemID = 7002 },
		"not paused":     func(r *recovery.Reached) { r.LSN, r.Paused = 0x4ffff00, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			replayed := postgres.Replayed{Reached: reached()}
			spoil(&replayed.Reached)
			b.world.answer["postgres.Replay"] = replayed
			err := b.run()
			require.Contains(t, []failure.Class{failure.TargetMissed, failure.IdentityMismatch}, failure.ClassOf(boundary.In(err)), "%v", err)
			require.Zero(t, times(b, "postgres.CheckIntegrity"))
			b.requireUndone()
			require.Contains(t, b.report(), "| The target was reached | Missed |")
		})
	}
}

// TestEarlyCommitFreezesNothing: people keep the recovery before it serves, and
// then it fails. A commit that had dropped the undo would leave writes frozen
// (L21).
func TestEarlyCommitFreezesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	broken := failure.New(failure.CheckFailed, "it broke")
	b.world.fail["postgres.ProveArchiving"] = []error{broken}
	agree, kept := b.answer, false
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		switch {
		case q.Key == "provisional":
			kept = true
		case q.Accepts[0] == approval.Resolve && !kept:
			return nil
		case q.Accepts[0] == approval.Resolve:
			m := b.message(b.people(approval.Resolve)[0], approval.Resolve, q)
			m.Verdict = approval.Abort
			return []approval.Message{m}
		}
		return agree(q)
	}
	require.ErrorContains(t, b.run(), "it broke")
	require.True(t, kept)
	b.requireUndone()
}

// TestNobodyWatched: a skipped observation is not a verified recovery.
func TestNobodyWatched(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.world.fail["postgres.Observe"] = []error{failure.New(failure.CheckFailed, "it broke")}
	b.instead("failed:", approval.Resolve, approval.Skip)
	require.NoError(t, b.run())
	r := b.result()
	require.False(t, r.Summary.Instants.Verified.Known)
	require.Equal(t, recovery.VerdictUnknown, r.RTO.Total.Verdict)
	require.NotEmpty(t, r.Summary.Findings)
}

// TestContinuedRunMeasuresTheSame: what happened in the first run keeps its time.
func TestContinuedRunMeasuresTheSame(t *testing.T) {
	t.Parallel()
	first := newBench(t, shipped(t))
	agree := first.answer
	first.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "provisional" {
			first.env.SetContinueAsNewSuggested(true)
			first.env.SignalWorkflow(string(approval.Approve), "anything that makes the server look")
			return nil
		}
		return agree(q)
	}
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, first.run(), &next)
	require.Empty(t, first.world.early)
	before := first.status().Instants
	require.True(t, before.Verified.Known)

	second := newBench(t, shipped(t))
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &second.in))
	second.stores, second.seq = first.stores, first.seq
	second.env.SetContinuedExecutionRunID(firstRun)
	second.env.SetStartTime(first.env.Now().Add(10 * time.Minute))
	second.world.state = first.world.state
	second.register()
	require.NoError(t, second.run())
	require.Equal(t, []string{"postgres.RecordCommit", "postgres.RecordCommit"}, second.world.seen(), "what was done is not done again")
	require.Len(t, second.world.told, 2, "what the first run registered to be told is told by the next")
	r := second.result()
	require.Equal(t, before, r.Summary.Instants)
	require.Equal(t, 11*time.Minute, r.RPO.WorkLost.Duration)
	require.Equal(t, before.Verified.At.Sub(noon), r.RTO.Total.Duration)
	require.Empty(t, pendingIn(t, first.stores, first.runID()), "committed")
}

// TestPeopleAreTold: escalations reach each level with a message of its own, in
// the plan's words.
func TestPeopleAreTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, other(t))
	agree, opened := b.answer, b.env.Now()
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Key == "declaration" && b.env.Now().Sub(opened) < 12*time.Minute {
			return nil
		}
		return agree(q)
	}
	require.NoError(t, b.run())
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	keys := map[string]bool{}
	for _, mail := range b.world.mails {
		keys[mail.Key] = true
		require.NotEmpty(t, mail.To)
		require.Contains(t, b.plan.Communication.Alert.Statuses, mail.Alert.Status)
		require.Equal(t, "FREIGHT DESK ALERT", mail.Alert.Title)
		require.Equal(t, "P1", mail.Alert.Severity)
		require.Equal(t, []string{"Booking desk"}, mail.Alert.AffectedServices)
		require.Equal(t, "Duty Officer A <a@freight.example>", mail.Alert.Commander)
	}
	require.Len(t, b.world.mails, 7, "four questions as they open, two levels and the recovery")
	require.Len(t, keys, 7, "a mail client shows each")
	require.Contains(t, b.world.mails[3].Alert.Text(), "starter approve --run recover/booking-desk")
	last := b.world.mails[6].Alert
	require.Contains(t, strings.Join(last.Actions, "\n"), "work lost: 11m0s")
	require.Contains(t, last.Text(), "The database serves again.")
}
