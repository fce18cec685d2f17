package onset

import (
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
	Dropped      int64         `json:"not_kept"`         // suspects beyond MaxSuspects, the mildest
	Points       []Point       `json:"points,omitempty"` // named restore points, at most maxPoints
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
	history.prune(MaxSuspects)
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
		h.prune(MaxSuspects)
	}
}

// prune keeps the gravest suspects, in commit order.
func (h *History) prune(keep int) {
	if len(h.Suspects) > keep {
		slices.SortStableFunc(h.Suspects, func(a, b Transaction) int { return compareInt(b.weight(), a.weight()) })
		h.Dropped += int64(len(h.Suspects) - keep)
		h.Suspects = slices.Clip(h.Suspects[:keep])
	}
	slices.SortFunc(h.Suspects, func(a, b Transaction) int { return compareInt(int64(a.Commit), int64(b.Commit)) })
}

// weight orders suspects while reading: removed files weigh more than any rows.
func (t Transaction) weight() int64 {
	return int64(len(t.Removed))<<40 + t.Rows().Destroyed()
}

func (t Transaction) changesSchema() bool {
	return t.Catalog[classNode].Destroyed() > 0 || t.Catalog[attributeNode].Destroyed() > 0
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
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
