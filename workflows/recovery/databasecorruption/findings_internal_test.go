package databasecorruption

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// TestEveryMeasureIsNamed: who reads that it does not perform as before sees
// which measure says so.
func TestEveryMeasureIsNamed(t *testing.T) {
	t.Parallel()
	got := measures(postgres.Observation{
		Performance: postgres.Performance{Over: 3 * time.Second},
		Verdicts: []postgres.CheckResult{
			{Name: "throughput", Status: postgres.CheckFailed, Got: "9.0/s", Want: "at least 10.0/s", Detail: "the baseline is 20.0/s"},
			{Name: "latency", Status: postgres.CheckPassed, Got: "2ms", Want: "at most 10ms"},
			{Name: "replication", Status: postgres.CheckUnknown, Detail: "replication was not looked at"},
		},
	})
	require.Equal(t, "watched for 3s: throughput failed: 9.0/s, wanted at least 10.0/s (the baseline is 20.0/s); "+
		"latency passed: 2ms, wanted at most 10ms; replication unknown: none (replication was not looked at)", got)
	require.Equal(t, "nobody watched it", measures(postgres.Observation{}))
}

// TestWhatWasNotCheckedIsUnknown: PostgreSQL 13 has no check for tables, and a
// report must not call them sound.
func TestWhatWasNotCheckedIsUnknown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		found    postgres.Integrity
		verdict  recovery.Verdict
		evidence string
	}{
		"everything":    {postgres.Integrity{Relations: 9, Tool: "amcheck"}, recovery.VerdictMet, "amcheck"},
		"nothing":       {postgres.Integrity{}, recovery.VerdictUnknown, ""},
		"damage":        {postgres.Integrity{Relations: 9, Findings: []string{"t"}, NotChecked: []string{"u"}, Tool: "amcheck"}, recovery.VerdictMissed, "amcheck; not checked: u"},
		"no tables":     {postgres.Integrity{Relations: 9, NotChecked: []string{"4 tables of d"}, Tool: "amcheck"}, recovery.VerdictUnknown, "amcheck; not checked: 4 tables of d"},
		"damaged alone": {postgres.Integrity{Relations: 9, Findings: []string{"t"}, Tool: "amcheck"}, recovery.VerdictMissed, "amcheck"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &run{}
			r.checked.Integrity = tt.found
			require.Equal(t, tt.verdict, r.integrityVerdict())
			require.Equal(t, tt.evidence, r.integrityEvidence())
		})
	}
}

// TestSilentStoreIsInTheReport: which store did not answer, what was done without it,
// and what is left to do about it.
func TestSilentStoreIsInTheReport(t *testing.T) {
	t.Parallel()
	r := &run{}
	r.proposed.Unanswered = []catalog.Unanswered{{Store: "far", Why: "connection refused"}}
	r.replayed.Repairs = []string{"a part of store far: damaged"}
	r.promoted.Repairs = []string{"a part of store far: damaged", "00000002.history of store far: it did not answer"}
	summary := runbook.Summary{Outcome: runbook.Recovered}

	issues := r.issues(summary)
	require.Len(t, issues, 1)
	require.Equal(t, "Store far did not answer", issues[0].Title)
	require.Contains(t, issues[0].Impact, "connection refused")
	require.Contains(t, issues[0].Resolution, "starter plan check --live")

	repairs := r.repairs(summary)
	require.Len(t, repairs, 2, "what both steps list is told once")
	require.Equal(t, "Promoted without a store's answer", repairs[1].Title)

	backUp := "starter backup create"
	require.Contains(t, strings.Join(r.nextSteps(summary), "\n"), backUp, "it was not backed up")
	r.backup.Set.ID = "set"
	require.NotContains(t, strings.Join(r.nextSteps(summary), "\n"), backUp)
}
