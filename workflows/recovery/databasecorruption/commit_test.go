package databasecorruption_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// judgeCommit is what a real host makes of the warrant that comes with a commit.
func (b *bench) judgeCommit(in postgres.CommitInput) error {
	primary, _ := b.plan.Databases[0].Primary()
	need := warrant.Need{
		Run: in.Warrant.Holder, Service: b.in.Service, Database: in.Database, Target: postgres.Describe(primary, in.Damaged),
		Gate: &warrant.Gate{Scenario: databasecorruption.Scenario, Name: "cut-over"}, Commit: true,
	}
	_, err := warrant.Verify(in.Warrant, b.plan, need, noon.Add(24*time.Hour))
	return err
}

// judgeRelease is what the real key holder makes of the warrant that keys are asked with.
func (b *bench) judgeRelease(in keys.ReleaseInput) error {
	primary, _ := b.plan.Databases[0].Primary()
	need := warrant.Need{
		Service: b.in.Service, Database: in.Database, Target: postgres.Describe(primary, in.Damaged),
		Gate: &warrant.Gate{Scenario: databasecorruption.Scenario, Name: "restore"},
	}
	if in.Warrant != nil {
		need.Run = in.Warrant.Holder
	}
	_, err := warrant.Verify(in.Warrant, b.plan, need, noon.Add(24*time.Hour))
	return err
}

// TestHostsRecordTheCommit: once people have kept the recovered database, the hosts
// whose clusters were replaced know it, by what those people signed; a host that is
// gone holds nothing up.
func TestHostsRecordTheCommit(t *testing.T) {
	t.Parallel()
	silent, forged := failure.New(failure.Unavailable, "nobody polls"), failure.New(failure.Forbidden, "not signed")
	for name, row := range map[string]struct {
		spoil   func(b *bench)
		told    int
		finding string
	}{
		"kept":              {func(*bench) {}, 2, ""},
		"kept by deadline":  {atDeadline(plan.DeadlineCommit), 2, ""},
		"rolled back":       {func(b *bench) { b.instead("provisional", approval.Rollback, "") }, 0, ""},
		"back at deadline":  {atDeadline(plan.DeadlineRollback), 0, ""},
		"slow to answer":    {func(b *bench) { b.world.fail["postgres.RecordCommit"] = []error{silent} }, 2, ""},
		"one refuses":       {func(b *bench) { b.world.fail["postgres.RecordCommit"] = []error{nil, forged} }, 1, "Record the commit on"},
		"replica not there": {func(b *bench) { b.world.fail["postgres.Inspect replica"] = []error{silent, silent, silent, silent} }, 1, "was not rebuilt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			row.spoil(b)
			require.NoError(t, b.run())
			require.Len(t, b.world.told, row.told)
			if row.told > 0 {
				primary, _ := b.plan.Databases[0].Primary()
				require.Equal(t, primary.Host, b.world.told[0])
				require.Zero(t, times(b, "postgres.SwapBack"))
			}
			findings := strings.Join(b.result().Summary.Findings, "\n")
			require.Contains(t, findings, row.finding)
			if row.finding == "" {
				require.NotContains(t, findings, "commit")
			}
		})
	}
}

// atDeadline has nobody answer, and the plan decide.
func atDeadline(decides plan.AtDeadline) func(*bench) {
	return func(b *bench) {
		book := &b.plan.Runbooks[scenarioOf(b.t, b.plan)]
		book.RollbackDeadline, book.AtDeadline = plan.Duration(4*time.Hour), decides
		agree := b.answer
		b.answer = func(q runbook.OpenQuestion) []approval.Message {
			if q.Key == warrant.CommitKey {
				return nil
			}
			return agree(q)
		}
	}
}
