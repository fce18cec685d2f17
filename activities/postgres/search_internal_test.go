package postgres

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
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
	evidence := onsets(ctx, searched.found, found{
		identity: identity, server: r.server.Super(), disrupted: r.disrupted,
		database: plan.Database{DBName: "postgres", Invariants: whole}, invariants: invariants(ctx, r.server.Super(), whole),
	})
	proposal, err := recovery.Propose(evidence, nil, searched.gap)
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
