package onset

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// MaxSuspects bounds the transactions kept for judging.
const MaxSuspects = 2000

// History is what a range of WAL holds, bounded.
type History struct {
	Transactions int64         `json:"transactions"` // committed
	Aborted      int64         `json:"aborted"`
	Open         int           `json:"open"`             // neither committed nor aborted in the range
	Last         wal.LSN       `json:"last_lsn"`         // of the last record seen
	FirstAt      time.Time     `json:"first_at"`         // of the first commit
	LastAt       time.Time     `json:"last_at"`          // of the last commit
	Suspects     []Transaction `json:"suspects"`         // that dropped, rewrote or changed most, at most MaxSuspects
	Destroyed    [65]int64     `json:"destroyed"`        // transactions by bit length of rows updated or deleted
	Ends         []Ended       `json:"ends"`             // one per range
	Cut          Cut           `json:"cut,omitzero"`     // of the suspects beyond MaxSuspects
	Points       []Point       `json:"points,omitempty"` // named restore points, at most maxPoints
}

// Cut is what is known of transactions that were read, may have destroyed data, and
// were not kept: there were too many. The zero value: all were.
type Cut struct {
	Newest  wal.LSN   `json:"newest_lsn"`        // start of the commit record of the last of them
	At      time.Time `json:"at,omitzero"`       // when that committed; zero: unreadable
	Rows    int64     `json:"rows,omitempty"`    // the most that one of them deleted, or updated
	Removed bool      `json:"removed,omitempty"` // one of them removed files
}

func (c *Cut) add(t Transaction) {
	if !t.mayBeGrave(defaultMinRows) {
		return
	}
	if t.Commit > c.Newest {
		c.Newest, c.At = t.Commit, t.At
	}
	rows := t.Rows()
	c.Rows = max(c.Rows, rows.Deleted, rows.Updated)
	c.Removed = c.Removed || len(t.Removed) > 0
}

// Point is a restore point made by pg_create_restore_point.
type Point struct {
	Name string  `json:"name"`
	LSN  wal.LSN `json:"lsn"` // of its record
}

const maxPoints = 1000

// Complete reports whether every range was read to its end.
func (h History) Complete() bool {
	return len(h.Ends) > 0 && !slices.ContainsFunc(h.Ends, func(e Ended) bool { return !e.Complete })
}

// Read streams ranges, in order, one timeline after the other. It only reads.
// Errors: InvalidInput, Unavailable (pg_waldump could not run). A range that
// could not be read to its end is no error: History.Complete tells.
func Read(ctx context.Context, programs pg.Programs, ranges []Range, progress func(wal.LSN)) (History, error) {
	var history History
	state := &open{byXID: map[uint32]*Transaction{}}
	seen := 0
	for _, r := range ranges {
		ended, err := dump(ctx, programs, r, func(rec record) error {
			history.Last = rec.lsn
			if seen++; progress != nil && seen%10_000 == 0 {
				progress(rec.lsn)
			}
			return history.record(state, rec)
		})
		if err != nil {
			return history, err
		}
		history.Ends = append(history.Ends, ended)
	}
	history.Open = len(state.byXID)
	history.prune()
	return history, nil
}

func (h *History) record(state *open, r record) error {
	if r.manager == "XLOG" && r.what == "RESTORE_POINT" && len(h.Points) < maxPoints {
		h.Points = append(h.Points, Point{Name: r.detail, LSN: r.lsn})
		return nil
	}
	if r.manager != "Transaction" {
		return state.change(r)
	}
	switch r.what {
	case "COMMIT", "COMMIT_PREPARED":
		h.commit(state.end(r))
	case "ABORT", "ABORT_PREPARED":
		state.end(r)
		h.Aborted++
	}
	return nil
}

func (h *History) commit(t Transaction) {
	h.Transactions++
	if h.FirstAt.IsZero() {
		h.FirstAt = t.At
	}
	h.LastAt = t.At
	rows := t.Rows()
	h.Destroyed[bits.Len64(uint64(rows.Destroyed()))]++
	if rows.Destroyed() == 0 && len(t.Removed) == 0 && !t.changesSchema() {
		return
	}
	h.Suspects = append(h.Suspects, t)
	if len(h.Suspects) >= 2*MaxSuspects {
		h.prune()
	}
}

// prune keeps suspects, in commit order: first those that may be grave, by what was
// normal so far, the newest of them; then those that changed most.
func (h *History) prune() {
	if len(h.Suspects) > MaxSuspects {
		bound := Thresholds{}.bound(*h)
		slices.SortStableFunc(h.Suspects, func(a, b Transaction) int {
			first, second := a.mayBeGrave(bound), b.mayBeGrave(bound)
			switch {
			case first && second:
				return cmp.Compare(b.Commit, a.Commit)
			case first:
				return -1
			case second:
				return 1
			}
			return cmp.Compare(b.Rows().Destroyed(), a.Rows().Destroyed())
		})
		for _, t := range h.Suspects[MaxSuspects:] {
			h.Cut.add(t)
		}
		h.Suspects = slices.Clip(h.Suspects[:MaxSuspects])
	}
	slices.SortFunc(h.Suspects, func(a, b Transaction) int { return cmp.Compare(a.Commit, b.Commit) })
}

// mayBeGrave reports whether a transaction removed files, or destroyed so many rows of
// a kind that it is no normal one.
func (t Transaction) mayBeGrave(bound int64) bool {
	rows := t.Rows()
	return len(t.Removed) > 0 || rows.Deleted >= bound || rows.Updated >= bound
}

func (t Transaction) changesSchema() bool {
	return t.Catalog[classNode].Destroyed() > 0 || t.Catalog[attributeNode].Destroyed() > 0
}

// typical is the upper bound of the median transaction's destroyed rows.
func (h History) typical() int64 {
	var before int64
	for length, count := range h.Destroyed {
		if before += count; before*2 >= h.Transactions {
			return int64(1)<<min(length, 62) - 1
		}
	}
	return 0
}
