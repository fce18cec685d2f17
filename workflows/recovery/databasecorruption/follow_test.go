package databasecorruption_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// plans are the same runbook for two companies.
func plans(t *testing.T) map[string]*plan.Plan {
	t.Helper()
	return map[string]*plan.Plan{"shipped": shipped(t), "other": other(t)}
}

// transcript is the run in the order in which the workflow decided it: what was
// begun, asked, decided and registered to be undone.
func (b *bench) transcript() string {
	shown := map[evidence.Kind]string{
		evidence.PhaseEntered: "PHASE", evidence.StepStarted: "step", evidence.GateOpened: "ask", evidence.GatePassed: "passed",
		evidence.UndoRegistered: "undo", evidence.UndoRan: "UNDONE", evidence.UndoDropped: "kept", evidence.LeaseTaken: "lease",
		evidence.LeaseReleased: "lease released", evidence.InstantSet: "instant", evidence.RunFinished: "END", evidence.Finding: "FINDING",
	}
	var text strings.Builder
	for _, e := range b.entries() {
		if what, ok := shown[e.Kind]; ok {
			fmt.Fprintf(&text, "%-14s %s", what, e.Title)
			if e.Kind != evidence.GateOpened && e.Target != "" {
				fmt.Fprintf(&text, " @ %s", e.Target)
			}
			text.WriteString("\n")
		}
	}
	return text.String()
}

func TestFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	for name, p := range plans(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, p)
			require.NoError(t, b.run())
			golden(t, "transcript-"+name+".golden", b.transcript())
			require.Empty(t, b.world.early, "each danger's undo was in the stores before it (L21)")
			require.Equal(t, restored.Incarnation, b.world.state.Serving)
			require.Equal(t, map[string]bool{damaged.Incarnation: true}, b.world.state.Fenced, "the one kept aside stays read-only")
			require.Equal(t, readers, b.world.state.Readers)
			require.Empty(t, pendingIn(t, b.stores, b.runID()), "committed")
			r := b.result()
			require.Equal(t, runbook.Recovered, r.Summary.Outcome)
			require.Empty(t, r.Summary.Findings)
			require.NotNil(t, r.Report)
			require.Empty(t, r.Report.Problems)
			require.Contains(t, b.report(), "660")
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("HOLDFAST_UPDATE") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644)) //nolint:gosec // a file of the source tree
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestMeasured: RTO from disruption to verified health, RPO from heartbeats.
func TestMeasured(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	require.NoError(t, b.run())
	r := b.result()
	in := r.Summary.Instants
	require.Equal(t, in.Verified.At.Sub(noon), r.RTO.Total.Duration)
	require.Equal(t, recovery.VerdictMet, r.RTO.Total.Verdict)
	require.Equal(t, 5*time.Minute, r.RTO.Undetected.Duration)
	for _, pair := range [][2]time.Time{{in.Declared.At, in.Started.At}, {in.Started.At, in.Approved[0].At}, {in.Approved[0].At, in.DataRecovered.At}, {in.DataRecovered.At, in.Approved[1].At}, {in.Approved[1].At, in.Serving.At}, {in.Serving.At, in.Verified.At}} {
		require.False(t, pair[1].Before(pair[0]), "%v", in)
	}
	require.True(t, r.RTO.Human.Known && r.RTO.Human.Duration > 0)
	require.Equal(t, 2*time.Second, r.RPO.PointReached.Duration)
	require.Equal(t, 11*time.Minute, r.RPO.WorkLost.Duration)
	require.Equal(t, recovery.VerdictMet, r.RPO.WorkLost.Verdict)
	require.Equal(t, int64(660), r.Loss.Tables[0].Inserted)
	require.NoError(t, recovery.CompareReached(*r.Choice, *r.Reached))
}

// TestNothingButLooksBeforeTheDeclaration: nobody declares, so nothing happens
// (L21, L29). The run waits, and says for what.
func TestNothingButLooksBeforeTheDeclaration(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.answer = nobody
	b.env.RegisterDelayedCallback(func() {
		require.Equal(t, "declaration", b.status().Questions[0].Key)
		require.Contains(t, b.status().Questions[0].Target, damaged.Incarnation, "people see which cluster")
		b.env.CancelWorkflow()
	}, 6*time.Hour)
	require.Error(t, b.run())
	for _, effect := range b.world.seen() {
		require.Contains(t, []string{"postgres.Inspect primary", "postgres.Inspect replica", "notify.Mail"}, effect)
	}
	b.requireUndone()
}
