package postgres

import (
	"cmp"
	"context"
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
// plan's invariants. WAL from before beforeReport on is wanted. PostgreSQL recycles
// it, and what the stores have of it no host can open, so what a search read and
// found is remembered in the state directory, and counts in later ones. WAL that was
// wanted and never read is OnsetReport.Unsearched: nothing found says nothing of it.
// It changes nothing else.
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
	searched, err := a.search(ctx, c, identity, in, func(at wal.LSN) { beat.Report(at) })
	if err != nil {
		return OnsetReport{}, err
	}
	report := OnsetReport{
		Unsearched: searched.gap, WALFrom: searched.from, WALUntil: searched.history.Last, Transactions: searched.history.Transactions,
		Invariants: invariants(ctx, server, t.database.Invariants), Newest: newestBeat(ctx, server, time.Time{}),
	}
	for _, point := range searched.history.Points {
		report.RestorePoints = append(report.RestorePoints, recovery.RestorePoint{Name: point.Name, LSN: point.LSN, Timeline: identity.Timeline})
	}
	known := found{identity, server, t.database, in.Disrupted, report.Invariants}
	evidence := onsets(ctx, searched.found, known)
	report.Onsets, report.Unsearched = known.foremost(evidence, searched.gap)
	return report, nil
}

// found is the damaged cluster, and what is known of the damage besides the log.
type found struct {
	identity   cluster.Identity
	server     pg.Server
	database   plan.Database
	disrupted  time.Time
	invariants []CheckResult // in the plan's order
}

// onsets turns candidates into evidence; those from before beforeReport are somebody's
// ordinary work. A transaction in the log is exact; only
// without one do a broken invariant and the reporter's word count.
func onsets(ctx context.Context, candidates []onset.Candidate, in found) (evidence []recovery.Onset) {
	names, err := damage.ReadNames(ctx, in.server)
	if err != nil {
		names = nil // relations are then shown by their file numbers
	}
	var suspects []suspect
	for _, candidate := range candidates {
		if known := !candidate.CommitAt.IsZero(); known && candidate.CommitAt.Before(in.since()) {
			continue
		}
		suspects = append(suspects, suspectOf(candidate, names))
		evidence = append(evidence, onsetOf(suspects[len(suspects)-1], in.identity.Timeline))
	}
	if len(evidence) > 0 {
		name(evidence, suspects, suspicions(ctx, in.server, in.database, in.invariants), in.database.DBName)
		return evidence
	}
	for _, result := range in.invariants {
		if result.Status == CheckFailed {
			evidence = append(evidence, recovery.Onset{Source: recovery.OnsetInvariant, At: time.Now().UTC(), Detail: "invariant broken: " + result.Name})
		}
	}
	if len(evidence) > 0 {
		evidence = append(evidence, recovery.Onset{Source: recovery.OnsetOperator, At: in.disrupted, Detail: "the moment of disruption as reported"})
	}
	return evidence
}

// since is from when on damage may have gone unnoticed.
func (f found) since() time.Time { return f.disrupted.Add(-beforeReport) }

// foremost keeps as much evidence as a history may carry: what is named first, then
// what is not after the disruption, the nearest to it. That there was more becomes part
// of what was not looked at.
func (f found) foremost(evidence []recovery.Onset, gap *recovery.Unsearched) ([]recovery.Onset, *recovery.Unsearched) {
	if len(evidence) <= maxOnsets {
		return evidence, gap
	}
	slices.SortStableFunc(evidence, func(a, b recovery.Onset) int {
		return cmp.Or(first(len(a.Named) > 0, len(b.Named) > 0), first(!a.At.After(f.disrupted), !b.At.After(f.disrupted)), cmp.Compare(f.apart(a), f.apart(b)))
	})
	whole := recovery.Unsearched{Since: f.since(), Disrupted: f.disrupted, From: f.since(), Timeline: f.identity.Timeline}
	if gap != nil {
		whole = *gap
	}
	for _, one := range evidence[maxOnsets:] {
		whole.Cut++
		if len(one.Named) > 0 {
			whole.CutNamed++
		}
	}
	return evidence[:maxOnsets], &whole
}

// first orders what has a quality before what has not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// apart is how far evidence lies from the disruption; nothing where that is unknown.
func (f found) apart(one recovery.Onset) time.Duration {
	if one.At.IsZero() {
		return 0
	}
	return f.disrupted.Sub(one.At).Abs()
}

func onsetOf(s suspect, timeline wal.Timeline) recovery.Onset {
	one := recovery.Onset{
		Source: recovery.OnsetWAL, At: s.CommitAt, LSN: s.CommitLSN, Timeline: timeline,
		XID: uint64(s.XID), Relation: s.relation(), Detail: s.detail(),
	}
	if locks(s.Candidate) {
		one.LSN, one.Commit = s.FirstLSN, s.CommitLSN
	}
	return one
}

// locks says that recovery must stop before the candidate's first record. Just
// before its commit would keep the most; but one that holds a lock on a whole table
// would, not yet ended, keep the paused copy from being checked.
func locks(candidate onset.Candidate) bool {
	return candidate.Why == onset.Drop || candidate.Why == onset.Truncate
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
// holds. A server that has crashed and recovered since may hold none of it: NotFound.
func localWAL(c *cluster.Cluster, identity cluster.Identity, until wal.LSN) (onset.Range, error) {
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
	if until != 0 && until <= start {
		return onset.Range{}, failure.New(failure.NotFound, "%s holds WAL of timeline %d from %s on only: what came before %s is no longer on this host",
			dir, identity.Timeline, start, until)
	}
	return onset.Range{
		Dir: dir, Timeline: identity.Timeline, From: max(start, 1), Until: until, Reaches: max(identity.Checkpoint+1, identity.MinRecovery),
	}, nil
}
