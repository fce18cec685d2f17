package runbook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/store"
)

// automatic is a bench whose run monitoring started, over stores of another one.
func automatic(t *testing.T, stores []store.Store, interval time.Duration) *bench {
	t.Helper()
	b := newBench(t)
	b.share(stores)
	b.in.Automatic, b.in.Plan.Runbook.MinInterval = true, plan.Duration(interval)
	return b
}

// TestAutomaticRunsKeepTheirDistance: a second automatic run on the
// service is refused by what the stores hold, for another process than the first;
// one that a person asks for is not.
func TestAutomaticRunsKeepTheirDistance(t *testing.T) {
	t.Parallel()
	stores := []store.Store{fileStore(t, "one"), fileStore(t, "two")}
	first := automatic(t, stores, time.Hour)
	first.runAs("run-1")
	require.NoError(t, first.env.GetWorkflowError())

	second := automatic(t, stores, time.Hour)
	second.runAs("run-2")
	err := boundary.In(second.env.GetWorkflowError())
	require.Equal(t, failure.Refused, failure.ClassOf(err), "%v", err)
	require.ErrorContains(t, err, "less than 1h0m0s ago")
	require.Contains(t, failure.HintOf(err), "--requester")
	effects, _ := second.door.seen()
	require.Empty(t, effects)
	require.Equal(t, evidence.RunFinished, second.entries().Entries[len(second.entries().Entries)-1].Kind, "the refusal is on the record")

	asked := automatic(t, stores, time.Hour)
	asked.in.Automatic, asked.in.Requester = false, "eve"
	asked.runAs("run-3")
	require.NoError(t, asked.env.GetWorkflowError())
}

// TestAutomaticRunAfterTheInterval: by the stores' clocks, which are real.
func TestAutomaticRunAfterTheInterval(t *testing.T) {
	t.Parallel()
	stores := []store.Store{fileStore(t, "one"), fileStore(t, "two")}
	const interval = time.Second
	first := automatic(t, stores, interval)
	first.runAs("run-1")
	require.NoError(t, first.env.GetWorkflowError())
	began := time.Now()
	require.Eventually(t, func() bool { return time.Since(began) > interval }, 10*time.Second, 100*time.Millisecond)
	later := automatic(t, stores, interval)
	later.runAs("run-2")
	require.NoError(t, later.env.GetWorkflowError())
	require.Equal(t, runbook.Recovered, later.result().Summary.Outcome)
}

// TestAutomaticMeansThatNobodyAsked: a person's run does not count as monitoring's.
func TestAutomaticMeansThatNobodyAsked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Input){
		"requester":   func(in *Input) { in.Requester = "ann" },
		"declaration": func(in *Input) { in.Declaration = &approval.Signed{Payload: "x", Signature: "y"} },
	} {
		b := automatic(t, nil, time.Hour)
		change(&b.in)
		b.run(MoveHouse)
		require.Equal(t, failure.InvalidInput, failure.ClassOf(boundary.In(b.env.GetWorkflowError())), name)
	}
}
