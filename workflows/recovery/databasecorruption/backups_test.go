package databasecorruption_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// TestL14NoWritesBeforeNewBackupsFlow: after a restore replication was silently idle, so
// the application writes only to a database whose new WAL was seen in a store and which
// has a base backup of its own. Where either fails, people are asked; that no WAL flows
// cannot be skipped, and a backup that they go on without is no met criterion.
func TestL14NoWritesBeforeNewBackupsFlow(t *testing.T) {
	t.Parallel()
	gap := failure.New(failure.WALGap, "segment 000000020000000000000005 is in no store")
	full := failure.New(failure.InsufficientSpace, "the store takes no more")
	for name, row := range map[string]struct {
		fails   string
		with    []error
		verdict approval.Verdict
		writes  bool
		report  string
	}{
		"both are there":          {"", nil, "", true, "| New backups flow | Met |"},
		"no WAL arrives":          {"postgres.ProveArchiving", []error{gap}, approval.Abort, false, ""},
		"WAL cannot be skipped":   {"postgres.ProveArchiving", []error{gap}, approval.Skip, false, ""},
		"WAL arrives at last":     {"postgres.ProveArchiving", []error{gap}, approval.Retry, true, "| New backups flow | Met |"},
		"no backup":               {"postgres.BackUp", []error{full}, approval.Abort, false, ""},
		"people go on without it": {"postgres.BackUp", []error{full}, approval.Skip, true, "| New backups flow | Unknown |"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, shipped(t))
			if row.fails != "" {
				b.world.fail[row.fails] = row.with
			}
			b.answerFailure(row.verdict)
			err := b.run()
			resumed := b.succeeded("Resume application writes")
			if !row.writes {
				require.ErrorContains(t, err, row.with[0].Error())
				require.Equal(t, -1, resumed)
				b.requireUndone()
				return
			}
			require.NoError(t, err)
			require.Greater(t, b.succeeded("Prove that WAL flows on the new timeline"), -1)
			require.Less(t, b.succeeded("Prove that WAL flows on the new timeline"), resumed)
			require.Less(t, b.succeeded("Take a new base backup"), resumed)
			require.Contains(t, b.report(), row.report)
		})
	}
}

// TestPeopleAreAskedSoonAboutASilentStore: a set is in every store or is none, and the
// application does not write before somebody says that it may without one.
func TestPeopleAreAskedSoonAboutASilentStore(t *testing.T) {
	t.Parallel()
	down := failure.New(failure.Unavailable, "store far did not answer")
	b := newBench(t, shipped(t))
	b.world.fail["postgres.BackUp"] = append(slices.Repeat([]error{down}, 5), boundary.Final(down))
	b.answerFailure(approval.Skip)
	require.NoError(t, b.run())
	require.Contains(t, b.report(), "| New backups flow | Unknown |", "they were asked before it was tried for long")
	require.Greater(t, b.succeeded("Resume application writes"), -1)
	var began, failed time.Time
	for _, entry := range b.entries() {
		switch {
		case entry.Title != "Take a new base backup":
		case entry.Kind == evidence.StepStarted:
			began = entry.At
		case entry.Kind == evidence.StepFailed:
			failed = entry.At
		}
	}
	require.WithinRange(t, failed, began, began.Add(time.Minute))
}

// TestInterruptionsOfABackupAskNobody: what the activity does not call final is tried again.
func TestInterruptionsOfABackupAskNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, shipped(t))
	b.world.fail["postgres.BackUp"] = slices.Repeat([]error{failure.New(failure.Unavailable, "store far did not answer")}, 12)
	require.NoError(t, b.run())
	require.Greater(t, b.succeeded("Take a new base backup"), -1)
	for _, entry := range b.entries() {
		require.False(t, entry.Kind == evidence.StepFailed && entry.Title == "Take a new base backup", "people were asked")
	}
}

// succeeded returns where on the timeline the step of that title succeeded; -1: nowhere.
func (b *bench) succeeded(title string) int {
	return slices.IndexFunc(b.entries(), func(e evidence.Entry) bool { return e.Title == title && e.Kind == evidence.StepSucceeded })
}

// answerFailure has people answer a failed step; whoever skips one that is required is
// refused, and aborts.
func (b *bench) answerFailure(verdict approval.Verdict) {
	agree, asked := b.answer, 0
	b.answer = func(q runbook.OpenQuestion) []approval.Message {
		if q.Accepts[0] != approval.Resolve {
			return agree(q)
		}
		m := b.message(b.people(approval.Resolve)[0], approval.Resolve, q)
		m.Verdict = verdict
		if asked++; asked > 1 {
			m.Verdict = approval.Abort
		}
		return []approval.Message{m}
	}
}
