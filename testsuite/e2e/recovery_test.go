package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// Bounds of a run's history: large results travel by reference.
const (
	maxEvents       = 2000
	maxHistoryBytes = 2 << 20
)

// TestL1L14L19BadMigrationIsUndone follows the whole runbook for logical damage and looks
// at everything it promises: rows written after the backup survive (L19), the
// target was reached (L1), new backups flow (L14).
func TestL1L14L19BadMigrationIsUndone(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Delete)
	result := h.recovered(t, damage)
	target := result.Choice.Target
	if target.Kind != recovery.TargetLSN || target.LSN < damage.Before || target.LSN > damage.After {
		t.Errorf("target %s, the damage was committed between %s and %s", target, damage.Before, damage.After)
	}
	h.requireServing(t)
	h.requireProtected(t)
	h.requireAside(t, damage)
	h.requireCommitted(t)
	h.requireMail(t)
	h.requireSmallHistory(t)
	h.keepHistory(t, "bad-migration")
	h.requireTruth(t, damage)
}

// TestChangedBytesAreUndone: bytes changed below the database lose no work.
func TestChangedBytesAreUndone(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Bytes)
	result := h.recovered(t, damage)
	if result.Choice.Target.Kind != recovery.TargetLatest {
		t.Errorf("target %s: the log does not carry this damage, all of it can be replayed", result.Choice.Target)
	}
	h.requireServing(t)
	if truth := h.requireTruth(t, damage); truth.Loss.Missing != 0 {
		t.Errorf("%d acknowledged rows are gone, the newest of %s", truth.Loss.Missing, truth.Loss.NewestLost)
	}
}

// TestDroppedTableIsBack: the position just before the drop is found and reached.
func TestDroppedTableIsBack(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Drop)
	result := h.recovered(t, damage)
	if target := result.Choice.Target; target.LSN < damage.Before || target.LSN > damage.After {
		t.Errorf("target %s, the damage was committed between %s and %s", target, damage.Before, damage.After)
	}
	h.requireServing(t)
	h.requireTruth(t, damage)
}

// requireCommitted: every host whose cluster was replaced wrote down, once, that the
// cut-over is kept.
func (h *house) requireCommitted(t *testing.T) {
	t.Helper()
	for _, host := range h.Database().Hosts {
		records, err := filepath.Glob(filepath.Join(h.StateDir(host.Host), "lease", "*.commit-*.json"))
		if err != nil || len(records) != 1 {
			t.Errorf("commits that host %s knows: %v, %v", host.Host, records, err)
		}
	}
}

// criteriaMet is what a report of a good recovery says. Nothing checks tables on
// PostgreSQL before 14, and what was not checked is not known.
func (h *house) criteriaMet(t *testing.T) recovery.Verdict {
	t.Helper()
	major, err := pg.ProgramsMajor(h.ctx, h.Primary.BinDir)
	h.must(t, err)
	if major < 14 {
		return recovery.VerdictUnknown
	}
	return recovery.VerdictMet
}

// recovered runs the runbook to its end and requires a report, in every store,
// that says all criteria are met.
func (h *house) recovered(t *testing.T, damage scenario.Damage, further ...string) databasecorruption.Result {
	t.Helper()
	_, err := h.Start(h.ctx, damage, further...)
	h.must(t, err)
	h.must(t, h.Follow(h.ctx, h.signer(t)))
	return h.requireRecovered(t)
}

func (h *house) requireRecovered(t *testing.T) databasecorruption.Result {
	t.Helper()
	result, err := h.Result(h.ctx)
	h.must(t, err)
	if result.Summary.Outcome != runbook.Recovered || len(result.Summary.UndosLeft) > 0 {
		t.Errorf("outcome %s: %s; not undone: %v", result.Summary.Outcome, result.Summary.Problem, result.Summary.UndosLeft)
	}
	found, err := h.ReadReport(h.ctx, result.Report)
	h.must(t, err)
	for _, criterion := range found.Input.Criteria {
		t.Logf("%s: %s: %s", criterion.Title, criterion.Verdict, criterion.Evidence)
	}
	if found.Result.CriteriaMet != h.criteriaMet(t) || len(found.Stores) != len(h.Plan.Stores) || len(found.HTML) == 0 {
		t.Errorf("criteria met: %s, in stores %v\n%s", found.Result.CriteriaMet, found.Stores, found.Markdown)
	}
	return result
}

// requireServing: the application writes again, through the pool, and its readers
// see what it writes, at the rebuilt replica.
func (h *house) requireServing(t *testing.T) {
	t.Helper()
	h.must(t, h.WriteOn(h.ctx, 5))
	last, _ := h.Application.Last()
	role := h.Database().Roles[0].Name
	conn, err := pgx.Connect(h.ctx, h.Pooler.URL(h.Pooler.Reader, role, h.Passwords[role]))
	h.must(t, err)
	defer conn.Close(h.ctx) //nolint:errcheck // read only
	h.await(t, "the newest row at the replica", func() (bool, error) {
		var standby, there bool
		err := conn.QueryRow(h.ctx, "SELECT pg_is_in_recovery(), EXISTS (SELECT FROM journal WHERE sequence = $1::bigint)", last.Sequence).Scan(&standby, &there)
		return standby && there, err
	})
}

// requireProtected: a new set is there, and the server's WAL of timeline 2 arrives.
func (h *house) requireProtected(t *testing.T) {
	t.Helper()
	sets, err := h.Sets(h.ctx)
	h.must(t, err)
	if len(sets) != 2 || sets[1].Timeline != 2 || len(sets[1].Stores) != len(h.Plan.Stores) {
		t.Errorf("sets after the recovery: %+v", sets)
	}
	conn, err := h.Connect(h.ctx)
	h.must(t, err)
	defer conn.Close(h.ctx) //nolint:errcheck // read only
	var segment, archived string
	h.must(t, conn.QueryRow(h.ctx, "SELECT pg_walfile_name(pg_switch_wal())").Scan(&segment))
	if !strings.HasPrefix(segment, "00000002") {
		t.Errorf("the server writes %s", segment)
	}
	h.await(t, segment+" to be archived", func() (bool, error) {
		err := conn.QueryRow(h.ctx, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver").Scan(&archived)
		return archived >= segment, err
	})
}

// requireAside: the damaged database can still be read, as it was.
func (h *house) requireAside(t *testing.T, damage scenario.Damage) {
	t.Helper()
	conn, err := pgx.Connect(h.ctx, fmt.Sprintf("host=%s port=%d user=%s dbname=%s", filepath.Join(h.Primary.Workspace, "aside"),
		h.Primary.AsidePort, h.Primary.Superuser, h.Database().DBName))
	h.must(t, err)
	defer conn.Close(h.ctx) //nolint:errcheck // read only
	var deleted int64
	h.must(t, conn.QueryRow(h.ctx, "SELECT (SELECT sum(result_count) FROM experiments) - (SELECT count(*) FROM results)").Scan(&deleted))
	if deleted != damage.Rows[0].Deleted {
		t.Errorf("the database kept aside lacks %d results, %d were deleted", deleted, damage.Rows[0].Deleted)
	}
}

func (h *house) requireMail(t *testing.T) {
	t.Helper()
	_, err := h.Mail.Await(h.ctx, func(m stack.Message) bool {
		return strings.Contains(string(m.Raw), "Monitoring") && len(m.To) > 0
	})
	if err != nil {
		t.Errorf("the mail that says the database serves again: %v", err)
	}
}

func (h *house) requireSmallHistory(t *testing.T) {
	t.Helper()
	described, err := h.Client.DescribeWorkflowExecution(h.ctx, h.WorkflowID(), "")
	h.must(t, err)
	info := described.GetWorkflowExecutionInfo()
	t.Logf("history: %d events, %d bytes", info.GetHistoryLength(), info.GetHistorySizeBytes())
	if info.GetHistoryLength() > maxEvents || info.GetHistorySizeBytes() > maxHistoryBytes {
		t.Errorf("the history has %d events and %d bytes", info.GetHistoryLength(), info.GetHistorySizeBytes())
	}
}

// requireTruth stops the application and compares what is there with what was
// acknowledged and with what the damage took.
func (h *house) requireTruth(t *testing.T, damage scenario.Damage) scenario.Truth {
	t.Helper()
	h.Application.Stop()
	truth, err := h.Judge(h.ctx, damage)
	h.must(t, err)
	t.Logf("known from outside: %+v", truth)
	if !truth.Whole || truth.BeforeDamage != 0 {
		t.Errorf("every row the damage took is back: %v; rows acknowledged before it and gone: %d", truth.Whole, truth.BeforeDamage)
	}
	return truth
}
