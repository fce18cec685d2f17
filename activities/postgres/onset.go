package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	maxOnsets = 50
	// beforeReport is how long damage may have gone unnoticed for a transaction
	// to count as its beginning; older ones are somebody's ordinary work.
	beforeReport = 6 * time.Hour
)

// FindOnset looks for the beginning of the damage: in the WAL this host still
// has, where it names the damaging transaction and its position, and by the
// plan's invariants. It only reads. What range of WAL was read is part of the
// answer: nothing found in it says nothing about what came before.
func (a *Activities) FindOnset(ctx context.Context, in OnsetInput) (OnsetReport, error) {
	report, err := a.findOnset(ctx, in)
	return report, boundary.Out(err)
}

func (a *Activities) findOnset(ctx context.Context, in OnsetInput) (OnsetReport, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return OnsetReport{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return OnsetReport{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return OnsetReport{}, err
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return OnsetReport{}, err
	}
	local, err := localWAL(c, identity, in.From, in.Until)
	if err != nil {
		return OnsetReport{}, err
	}
	history, err := onset.Read(ctx, c.Programs, []onset.Range{local}, func(at wal.LSN) { beat.Report(at) })
	if err != nil {
		return OnsetReport{}, err
	}
	report := OnsetReport{
		WALFrom: local.From, WALUntil: history.Last, Transactions: history.Transactions,
		Invariants: invariants(ctx, server, t.database.Invariants), Newest: newestBeat(ctx, server, time.Time{}),
	}
	for _, point := range history.Points {
		report.RestorePoints = append(report.RestorePoints, recovery.RestorePoint{Name: point.Name, LSN: point.LSN, Timeline: identity.Timeline})
	}
	report.Onsets = a.onsets(ctx, history, identity, server, in.Disrupted, report.Invariants)
	return report, nil
}

// onsets turns candidates into evidence. A transaction in the log is exact; only
// without one do a broken invariant and the reporter's word count.
func (a *Activities) onsets(ctx context.Context, history onset.History, identity cluster.Identity, server pg.Server, disrupted time.Time, broken []CheckResult) []recovery.Onset {
	names, err := damage.ReadNames(ctx, server)
	if err != nil {
		names = nil // relations are then shown by their file numbers
	}
	var onsets []recovery.Onset
	for _, candidate := range onset.Judge(history, onset.Thresholds{}) {
		if !grave(candidate.Why) || candidate.CommitAt.Before(disrupted.Add(-beforeReport)) || len(onsets) == maxOnsets {
			continue
		}
		one := recovery.Onset{
			Source: recovery.OnsetWAL, At: candidate.CommitAt, LSN: candidate.CommitLSN, Timeline: identity.Timeline,
			XID: uint64(candidate.XID), Relation: relationOf(candidate, names), Detail: detailOf(candidate),
		}
		if locks(candidate) {
			one.LSN, one.Commit = candidate.FirstLSN, candidate.CommitLSN
		}
		onsets = append(onsets, one)
	}
	if len(onsets) > 0 {
		return onsets
	}
	for _, result := range broken {
		if result.Status == CheckFailed {
			onsets = append(onsets, recovery.Onset{Source: recovery.OnsetInvariant, At: time.Now().UTC(), Detail: "invariant broken: " + result.Name})
		}
	}
	if len(onsets) > 0 {
		onsets = append(onsets, recovery.Onset{Source: recovery.OnsetOperator, At: disrupted, Detail: "the moment of disruption as reported"})
	}
	return onsets
}

// grave says whether a kind of transaction destroys data by itself.
func grave(why onset.Why) bool {
	return slices.Contains([]onset.Why{onset.Drop, onset.Truncate, onset.MassDelete, onset.MassUpdate}, why)
}

// locks says that recovery must stop before the candidate's first record. Just
// before its commit would keep the most; but one that holds a lock on a whole table
// would, not yet ended, keep the paused copy from being checked.
func locks(candidate onset.Candidate) bool {
	return candidate.Why == onset.Drop || candidate.Why == onset.Truncate
}

func relationOf(candidate onset.Candidate, names *damage.Names) string {
	if len(candidate.Relations) == 0 {
		return ""
	}
	file := candidate.Relations[0].File
	if names != nil {
		if relation, found := names.Find(file); found {
			return relation.String()
		}
	}
	return fmt.Sprintf("file %d (dropped since)", file.Node)
}

func detailOf(candidate onset.Candidate) string {
	return fmt.Sprintf("%s by transaction %d: %d rows deleted, %d updated, %d files removed",
		candidate.Why, candidate.XID, candidate.Rows.Deleted, candidate.Rows.Updated, len(candidate.Removed))
}

func invariants(ctx context.Context, server pg.Server, wanted []plan.Invariant) []CheckResult {
	checks := make([]verify.Check, 0, len(wanted))
	for _, invariant := range wanted {
		checks = append(checks, verify.Check{Name: invariant.Name, SQL: invariant.SQL, Compare: verify.True})
	}
	var results []CheckResult
	for _, result := range verify.Run(ctx, server, checks) {
		results = append(results, resultOf(result, false))
	}
	return results
}

// localWAL is the longest stretch of unbroken WAL up to until that pg_wal still
// holds, from position from (0: as far back as there is).
func localWAL(c *cluster.Cluster, identity cluster.Identity, from, until wal.LSN) (onset.Range, error) {
	dir := filepath.Join(c.DataDir, "pg_wal")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return onset.Range{}, pg.ClassifyFile(err, "list %s", dir)
	}
	var numbers []uint64
	for _, entry := range entries {
		segment, err := identity.SegmentSize.ParseSegment(entry.Name())
		if err == nil && segment.Timeline == identity.Timeline {
			numbers = append(numbers, segment.Number)
		}
	}
	slices.Sort(numbers)
	last := identity.SegmentSize.SegmentAt(identity.Timeline, max(until, identity.Redo)).Number
	end := slices.Index(numbers, last)
	if end < 0 {
		return onset.Range{}, failure.New(failure.NotFound, "%s holds no WAL of timeline %d at %s", dir, identity.Timeline, until)
	}
	first := end
	for first > 0 && numbers[first-1] == numbers[first]-1 {
		first--
	}
	start := identity.SegmentSize.Start(wal.Segment{Timeline: identity.Timeline, Number: numbers[first]})
	return onset.Range{Dir: dir, Timeline: identity.Timeline, From: max(start, from, 1), Until: until}, nil
}
