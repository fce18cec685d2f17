package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// onsetApart is how far two events must be apart not to pass for one.
const onsetApart = time.Second

// ravaged is a server that lost rows, and the host that looks for when.
type ravaged struct {
	t         *testing.T
	server    *pgtest.Server
	host      *Activities
	before    wal.LSN // of the damage
	disrupted time.Time
}

func ravage(t *testing.T) *ravaged {
	t.Helper()
	r := &ravaged{t: t, server: pgtest.Start(t, pgtest.With("max_wal_size", "32MB"), pgtest.With("min_wal_size", "32MB"))}
	r.host = New(Config{StateDir: pgtest.Dir(t)})
	r.server.Exec(t, "CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 4000) g", "CREATE TABLE scratch (id int)", "INSERT INTO scratch VALUES (1)")
	r.before = r.position()
	r.server.Exec(t, "DELETE FROM orders WHERE id > 1500")
	r.disrupted = time.Now()
	return r
}

func (r *ravaged) position() wal.LSN {
	r.t.Helper()
	at, err := wal.ParseLSN(pgtest.Query[string](r.t, r.server, "SELECT pg_current_wal_insert_lsn()::text"))
	require.NoError(r.t, err)
	return at
}

func (r *ravaged) identity() cluster.Identity {
	r.t.Helper()
	identity, err := r.server.Cluster(r.t).Identity(r.t.Context())
	require.NoError(r.t, err)
	return identity
}

// recycle goes on until pg_wal does not hold the damage any more.
func (r *ravaged) recycle() {
	r.t.Helper()
	identity := r.identity()
	gone := identity.SegmentSize.Name(identity.SegmentSize.SegmentAt(identity.Timeline, r.before))
	for range 20 {
		r.server.Exec(r.t, "INSERT INTO scratch VALUES (1)", "SELECT pg_switch_wal()", "CHECKPOINT", "INSERT INTO scratch VALUES (1)")
		if _, err := os.Stat(filepath.Join(r.server.DataDir, "pg_wal", gone)); os.IsNotExist(err) {
			return
		}
	}
	r.t.Fatalf("pg_wal still holds %s", gone)
}

// propose searches up to a position, and proposes from what that finds.
func (r *ravaged) propose(until wal.LSN) recovery.Proposal {
	r.t.Helper()
	ctx, identity := r.t.Context(), r.identity()
	in := OnsetInput{Where: Where{Database: "shop"}, Until: until, Disrupted: r.disrupted}
	searched, err := r.host.search(ctx, r.server.Cluster(r.t), identity, in, nil)
	require.NoError(r.t, err)
	whole := []plan.Invariant{{Name: "orders-are-whole", SQL: "SELECT count(*) >= 4000 FROM orders"}}
	known := found{
		identity: identity, server: r.server.Super(), disrupted: r.disrupted,
		database: plan.Database{DBName: "postgres", Invariants: whole}, invariants: invariants(ctx, r.server.Super(), whole),
	}
	evidence, gap := known.foremost(onsets(ctx, searched.found, known), searched.gap)
	proposal, err := recovery.Propose(evidence, nil, gap)
	require.NoError(r.t, err)
	return proposal
}

func (r *ravaged) requireExact(proposal recovery.Proposal) {
	r.t.Helper()
	require.Equal(r.t, recovery.TargetLSN, proposal.Target.Kind, proposal.Why)
	require.GreaterOrEqual(r.t, proposal.Target.LSN, r.before)
	require.Less(r.t, proposal.Onset.At, r.disrupted)
	require.Equal(r.t, recovery.ConfidenceHigh, proposal.Confidence, proposal.Why)
	require.Nil(r.t, proposal.Unsearched, proposal.Why)
}

// requireAdmitted: the target may be later than the damage, and everybody can tell.
func (r *ravaged) requireAdmitted(proposal recovery.Proposal) {
	r.t.Helper()
	require.NotNil(r.t, proposal.Unsearched, proposal.Why)
	require.Equal(r.t, recovery.ConfidenceLow, proposal.Confidence)
	require.Contains(r.t, proposal.Why, "when disruption was reported, was not searched")
	require.Contains(r.t, proposal.Why, "--target-time")
	require.Equal(r.t, recovery.TargetTime, proposal.Target.Kind)
	require.False(r.t, proposal.Target.Time.After(r.disrupted), "%s is after the disruption", proposal.Target.Time)
}

// TestRecycledLogIsNeverTakenForSearched: where PostgreSQL recycled the WAL with the
// damage in it before anybody searched, nothing that is found later passes for its
// beginning, and no target is proposed as if it were before it.
func TestRecycledLogIsNeverTakenForSearched(t *testing.T) {
	t.Parallel()
	t.Run("nothing is found in the rest", func(t *testing.T) {
		t.Parallel()
		r := ravage(t)
		r.recycle()
		r.requireAdmitted(r.propose(r.position()))
	})
	t.Run("a later transaction is found in the rest", func(t *testing.T) {
		t.Parallel()
		r := ravage(t)
		r.disrupted = r.disrupted.Add(-2 * onsetApart)
		r.recycle()
		r.server.Exec(t, "UPDATE orders SET id = id + 1")
		proposal := r.propose(r.position())
		r.requireAdmitted(proposal)
		require.NotEmpty(t, proposal.Alternatives)
	})
	t.Run("pg_wal holds nothing up to the fence", func(t *testing.T) {
		t.Parallel()
		r := ravage(t)
		fence := r.position()
		r.recycle()
		proposal := r.propose(fence)
		r.requireAdmitted(proposal)
		require.Contains(t, proposal.Why, "WAL of timeline 1")
	})
}

// TestDamagedLogOfADeadServerIsNeverTakenForSearched: the server is down, so nobody
// knows where its log should end.
func TestDamagedLogOfADeadServerIsNeverTakenForSearched(t *testing.T) {
	t.Parallel()
	r := ravage(t)
	r.server.Exec(t, "INSERT INTO scratch VALUES (2)")
	r.server.Kill(t)
	in := OnsetInput{Where: Where{Database: "shop"}, Disrupted: r.disrupted}
	look := func() searched {
		found, err := r.host.search(t.Context(), r.server.Cluster(t), r.identity(), in, nil)
		require.NoError(t, err)
		return found
	}
	size := r.identity().SegmentSize
	segment := size.SegmentAt(1, r.before)
	flip := func() {
		pgtest.Flip(t, r.server, filepath.Join("pg_wal", size.Name(segment)), int64(r.before-size.Start(segment)))
	}
	flip()
	damaged := look()
	require.Empty(t, damaged.found)
	require.NotNil(t, damaged.gap)
	require.Contains(t, damaged.gap.Detail, "the record at "+r.before.String()+" cannot be read")
	_, err := recovery.Propose(nil, nil, damaged.gap)
	require.ErrorContains(t, err, r.before.String())
	flip()
	whole := look()
	require.Len(t, whole.found, 1)
	require.Nil(t, whole.gap)
}

// TestSearchIsRemembered: what an earlier search found counts when the WAL is gone,
// and again when the search is done twice.
func TestSearchIsRemembered(t *testing.T) {
	t.Parallel()
	r := ravage(t)
	r.server.Exec(t, "INSERT INTO scratch VALUES (2)") // the log goes on after the disruption
	r.requireExact(r.propose(r.position()))
	r.recycle()
	for range 2 {
		r.requireExact(r.propose(r.position()))
	}
	kept, err := filepath.Glob(filepath.Join(r.host.StateDir, "onset", "shop", "*.json"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.NoError(t, os.WriteFile(kept[0], []byte("{"), 0o600))
	r.requireAdmitted(r.propose(r.position()))
}

// TestUnsearchedIsWhatNoSearchRead: searches that join count as one; a hole between
// them, or an end before the disruption, does not pass for searched.
func TestUnsearchedIsWhatNoSearchRead(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	identity := cluster.Identity{Timeline: 1, SegmentSize: 16 << 20}
	read := func(from, until wal.LSN, first, last time.Duration) search {
		return search{From: from << 24, Until: until << 24, FirstAt: noon.Add(first), LastAt: noon.Add(last), Complete: true}
	}
	before := read(10, 20, -time.Hour, -time.Minute)
	for name, tt := range map[string]struct {
		searches []search
		from     wal.LSN // of what was read around the disruption; 0: nothing was
		whole    bool
	}{
		"nothing was read":               {nil, 0, false},
		"from hours before":              {[]search{read(10, 20, -beforeReport, time.Second)}, 0, true},
		"from the first segment on":      {[]search{read(1, 20, -time.Second, time.Second)}, 0, true},
		"from just before":               {[]search{read(10, 20, -time.Minute, time.Second)}, 10, false},
		"from after it on":               {[]search{read(10, 20, time.Second, time.Minute)}, 0, false},
		"to the fence, nobody committed": {[]search{before}, 10, false},
		"two that join":                  {[]search{before, read(20, 30, -time.Second, time.Second)}, 10, false},
		"two with a hole before it":      {[]search{before, read(21, 30, -time.Second, time.Second)}, 21, false},
		"it is in the hole":              {[]search{before, read(21, 30, time.Second, time.Minute)}, 0, false},
		"it is in the earlier one":       {[]search{read(10, 20, -time.Hour, time.Second), read(25, 30, time.Minute, time.Hour)}, 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now search
			if len(tt.searches) > 0 {
				now = tt.searches[len(tt.searches)-1]
			}
			gap := unsearched(tt.searches, now, identity, noon, nil)
			require.Equal(t, tt.whole, gap == nil, "%+v", gap)
			if gap != nil {
				require.Equal(t, tt.from<<24, gap.FromLSN)
				require.Equal(t, tt.from == 0, gap.From.IsZero())
				require.Equal(t, noon.Add(-beforeReport), gap.Since)
			}
		})
	}
	require.Empty(t, candidates([]search{searchOf(onset.Range{}, onset.History{})}))
}

// TestOrdinaryDropsNeverHideTheDamage: whatever a nightly job drops, before the window
// or in it, the transaction that did the damage is among the evidence, or what was left
// out is said.
func TestOrdinaryDropsNeverHideTheDamage(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	identity := cluster.Identity{Timeline: 1, SegmentSize: 16 << 20}
	const damage = wal.LSN(1 << 40)
	for name, tt := range map[string]struct {
		drops   int
		ago     time.Duration // when the first of them was, before the disruption
		apart   time.Duration
		damaged bool // the damage is among the evidence
		listed  int
		said    string // "": that nothing is unknown
	}{
		"few, in the window":       {20, 5 * time.Hour, time.Minute, true, 21, ""},
		"many, before the window":  {60, 11 * time.Hour, time.Minute, true, 1, ""},
		"many, in the window":      {60, 5 * time.Hour, time.Minute, true, maxOnsets, "11 more transactions"},
		"many, after the damage":   {60, -time.Minute, time.Minute, true, maxOnsets, "11 more transactions"},
		"a flood, before":          {maxFound + 9, 11 * time.Hour, time.Second, true, 1, ""},
		"a flood, in the window":   {maxFound + 9, 5 * time.Hour, time.Second, true, maxOnsets, "only the newest are"},
		"a flood after the damage": {maxFound + 9, -time.Minute, time.Second, false, maxOnsets, "was not searched; of more"},
		"none that was kept":       {0, 0, 0, true, 1, "only the newest are"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			history := onset.History{FirstAt: noon.Add(-24 * time.Hour), LastAt: noon.Add(24 * time.Hour), Ends: []onset.Ended{{Complete: true}}}
			history.Suspects = append(history.Suspects, dropped(damage, noon.Add(-10*time.Minute)))
			for i := range tt.drops {
				after := time.Duration(i)*tt.apart - tt.ago
				history.Suspects = append(history.Suspects, dropped(damage+wal.LSN(after/time.Millisecond), noon.Add(after)))
			}
			if tt.drops == 0 {
				history.Cut = onset.Cut{Newest: damage - 1<<20, At: noon.Add(-time.Hour), Removed: true}
			}
			searches := []search{searchOf(onset.Range{From: 1 << 24}, history)}
			gap := unsearched(searches, searches[0], identity, noon, nil)
			known := found{identity: identity, disrupted: noon}
			evidence, gap := known.foremost(onsets(t.Context(), candidates(searches), known), gap)
			require.Len(t, evidence, tt.listed)
			require.Equal(t, tt.damaged, slices.ContainsFunc(evidence, func(one recovery.Onset) bool { return one.Commit == damage }))
			proposal, err := recovery.Propose(evidence, nil, gap)
			require.NoError(t, err)
			require.Equal(t, tt.said == "", proposal.Unsearched == nil, proposal.Why)
			require.Contains(t, proposal.Why, tt.said)
		})
	}
}

func dropped(at wal.LSN, when time.Time) onset.Transaction {
	return onset.Transaction{
		XID: 1, First: at - 8, Commit: at, At: when, Removed: []page.RelFile{{Database: 5, Node: 20000}},
		Catalog: map[uint32]onset.Counts{1259: {Deleted: 1}},
	}
}

// TestNamedEvidenceIsKeptFirst: of too much evidence, what touched the damage stays,
// however long ago; that some of it went is said apart.
func TestNamedEvidenceIsKeptFirst(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	known := found{disrupted: noon}
	var evidence []recovery.Onset
	for i := range 3 * maxOnsets {
		evidence = append(evidence, recovery.Onset{Source: recovery.OnsetWAL, At: noon.Add(time.Duration(i-2*maxOnsets) * time.Minute), LSN: wal.LSN(i + 1)})
	}
	evidence[3].Named = []string{"a table of interest"}
	kept, gap := known.foremost(slices.Clone(evidence), nil)
	require.Equal(t, wal.LSN(4), kept[0].LSN)
	require.Equal(t, 2*maxOnsets, gap.Cut)
	require.Zero(t, gap.CutNamed)
	require.NotContains(t, kept, evidence[len(evidence)-1], "after the disruption")
	for i := range evidence {
		evidence[i].Named = []string{"a table of interest"}
	}
	_, gap = known.foremost(evidence, gap)
	require.Equal(t, 2*maxOnsets, gap.CutNamed)
}

// TestSearchesThatAreTooLargeAreForgotten: what is written down can be read back.
func TestSearchesThatAreTooLargeAreForgotten(t *testing.T) {
	t.Parallel()
	large := search{Found: []onset.Candidate{{Why: onset.Why(strings.Repeat("x", maxSearchBytes/3))}}}
	searches := []search{large, large, large, {From: 7}}
	content, err := encode(&searches)
	require.NoError(t, err)
	require.Less(t, len(content), maxSearchBytes)
	require.Len(t, searches, 3)
	require.Equal(t, wal.LSN(7), searches[2].From)
}
