package onset

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// printed is what pg_waldump prints of a transaction with so many subtransactions, each
// of which deletes a row of a relation of its own, and which drops them all.
func printed(parts int) string {
	var deletes, subs, files strings.Builder
	for i := range parts {
		fmt.Fprintf(&deletes, "rmgr: Heap        len (rec/tot):     54/    54, tx:     %6d, lsn: 0/%08X, prev 0/00000000, desc: DELETE off 1 flags 0x00 , blkref #0: rel 1663/5/%d blk 0\n",
			1001+i, 0x1000000+i*56, 20000+i)
		fmt.Fprintf(&subs, " %d", 1001+i)
		fmt.Fprintf(&files, " base/5/%d", 20000+i)
	}
	return deletes.String() + "rmgr: Transaction len (rec/tot):   9999/  9999, tx:       1000, lsn: 0/0F000000, prev 0/0E000000, " +
		"desc: COMMIT 2026-11-23 00:50:27.482199 UTC; rels:" + files.String() + "; subxacts:" + subs.String() + "\n"
}

// TestHugeTransactionIsReadWhole: of a transaction with more subtransactions and
// relations than are told apart every row and every file counts, and it is said where
// figures of single relations do not.
func TestHugeTransactionIsReadWhole(t *testing.T) {
	t.Parallel()
	const parts = 60_000
	text := printed(parts)
	require.Greater(t, len(text)-strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n"), 1<<20, "the commit is no long line")
	counter := &counter{from: 1, rows: map[page.RelFile]Counts{}, state: &open{byXID: map[uint32]*Transaction{}}}
	counter.loss.Complete = true
	var history History
	state := &open{byXID: map[uint32]*Transaction{}}
	read := lines{each: func(r record) error {
		if err := counter.record(r); err != nil {
			return err
		}
		return history.record(state, r)
	}}
	require.NoError(t, read.read(strings.NewReader(text), maxLineBytes))
	require.Zero(t, read.cut)
	require.Empty(t, state.byXID, "subtransactions are left over")
	require.Equal(t, int64(parts), history.Suspects[0].Rows().Deleted)
	require.Equal(t, parts, Judge(history, Thresholds{})[0].Files)
	counter.attribute(nil)
	require.Equal(t, parts, counter.loss.Removed)
	require.Equal(t, int64(parts), counter.loss.Unattributed.Deleted)
	require.False(t, counter.loss.Complete)
	require.Contains(t, counter.loss.Detail, "transaction 1000 changed more than 20000 relations")
}

// TestLineThatIsCutIsSaid: where the line of a commit is too long, the range counts as
// not read; other long lines hold nothing that matters.
func TestLineThatIsCutIsSaid(t *testing.T) {
	t.Parallel()
	commit := printed(200)
	for name, tt := range map[string]struct {
		text string
		cut  wal.LSN
	}{
		"a commit":          {commit, 0xF000000},
		"something else":    {strings.ReplaceAll(commit, "Transaction ", "LogicalMessage "), 0},
		"it ends at a half": {strings.TrimSuffix(commit, "\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := lines{each: func(record) error { return nil }}
			require.NoError(t, read.read(strings.NewReader(tt.text+strings.Repeat("x", 2*usualLineBytes)), 1000))
			require.Equal(t, tt.cut, read.cut)
			if tt.cut != 0 {
				ended := read.ended(Range{}, nil, "")
				require.False(t, ended.Complete)
				require.Contains(t, ended.Detail, tt.cut.String())
			}
		})
	}
}

// TestNothingGraveIsCutUnsaid compares what is kept of a long history with all of it:
// whatever would be a grave candidate is one, or is not newer than what is said to be cut.
func TestNothingGraveIsCutUnsaid(t *testing.T) {
	t.Parallel()
	grave := func(why Why) bool { return why == Drop || why == Truncate || why == MassDelete || why == MassUpdate }
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 0))
		all, kept := History{}, History{}
		drops, large := random.IntN(40), random.IntN(40) // in a hundred
		for i := range 2*MaxSuspects + random.IntN(3*MaxSuspects) {
			one := someTransaction(random, wal.LSN(1+i), drops, large)
			kept.commit(one)
			rows := one.Rows()
			all.Transactions++
			all.Destroyed[bits.Len64(uint64(rows.Destroyed()))]++
			all.Suspects = append(all.Suspects, one)
		}
		kept.prune()
		found := map[wal.LSN]bool{}
		for _, candidate := range Judge(kept, Thresholds{}) {
			found[candidate.CommitLSN] = true
		}
		cut, hidden := Hidden(kept)
		missed := 0
		for _, candidate := range Judge(all, Thresholds{}) {
			if grave(candidate.Why) && !found[candidate.CommitLSN] {
				missed++
				require.True(t, hidden && candidate.CommitLSN <= cut.Newest, "seed %d: %+v is gone without a word, %+v", seed, candidate, cut)
			}
		}
		t.Logf("seed %d: %d drops and %d large in a hundred: %d not kept", seed, drops, large, missed)
	}
}

func someTransaction(random *rand.Rand, at wal.LSN, drops, large int) Transaction {
	one := Transaction{XID: uint32(at), First: at, Commit: at, Catalog: map[uint32]Counts{}, Relations: map[page.RelFile]Counts{}}
	kind := random.IntN(100)
	switch {
	case kind < drops:
		one.Removed = []page.RelFile{{Database: 5, Node: 20000}}
		one.Catalog[classNode] = Counts{Deleted: 1}
	case kind < drops+large:
		one.Relations[page.RelFile{Node: 20000}] = Counts{Deleted: random.Int64N(5000), Updated: random.Int64N(2000)}
	default:
		one.Relations[page.RelFile{Node: 20000}] = Counts{Updated: 1 + random.Int64N(20)}
	}
	return one
}

// TestMassDeleteIsKeptAmongSmallChanges: on a busy server nearly every transaction
// changes some rows. Not to keep all of them hides nothing.
func TestMassDeleteIsKeptAmongSmallChanges(t *testing.T) {
	t.Parallel()
	var history History
	relation := page.RelFile{Node: 20000}
	for i := range 5 * MaxSuspects {
		counts := Counts{Updated: 3}
		if i == 7 {
			counts = Counts{Deleted: 4000}
		}
		history.commit(Transaction{Commit: wal.LSN(1 + i), Relations: map[page.RelFile]Counts{relation: counts}})
	}
	history.prune()
	candidates := Judge(history, Thresholds{})
	require.Len(t, candidates, 1)
	require.Equal(t, wal.LSN(8), candidates[0].CommitLSN)
	_, hidden := Hidden(history)
	require.False(t, hidden)
}
