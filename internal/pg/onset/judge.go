package onset

import (
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Why says what makes a transaction a candidate.
type Why string

// The reasons, gravest first.
const (
	Drop         Why = "drop"          // relations were dropped
	Truncate     Why = "truncate"      // relations were emptied: TRUNCATE
	MassDelete   Why = "mass delete"   // many more rows deleted than is normal here
	MassUpdate   Why = "mass update"   // many more rows updated than is normal here
	FilesRemoved Why = "files removed" // a rewrite (VACUUM FULL, CLUSTER, ALTER TABLE) or an unrecognised drop
	SchemaChange Why = "schema change" // catalog rows of tables or columns were changed
)

func order() []Why {
	return []Why{Drop, Truncate, MassDelete, MassUpdate, FilesRemoved, SchemaChange}
}

// Thresholds say what is more than normal.
type Thresholds struct {
	MinRows int64 `json:"min_rows"` // rows destroyed by one transaction; default 1000
	Factor  int64 `json:"factor"`   // times the median transaction of the range; default 50
}

const (
	defaultMinRows = 1000
	defaultFactor  = 50
)

// bound is how many rows of a kind are more than normal in a history.
func (limits Thresholds) bound(history History) int64 {
	if limits.MinRows <= 0 {
		limits.MinRows = defaultMinRows
	}
	if limits.Factor <= 0 {
		limits.Factor = defaultFactor
	}
	return max(limits.MinRows, limits.Factor*history.typical())
}

// Candidate is a transaction that may have done the damage.
type Candidate struct {
	XID       uint32         `json:"xid"`
	FirstLSN  wal.LSN        `json:"first_lsn"`
	CommitLSN wal.LSN        `json:"commit_lsn"`
	CommitAt  time.Time      `json:"commit_at"`
	Why       Why            `json:"why"`
	Rows      Counts         `json:"rows"`
	Relations []RelationRows `json:"relations,omitempty"` // most destroyed first, at most 100
	Files     int            `json:"files,omitempty"`     // users' files that it removed
	Removed   []page.RelFile `json:"removed,omitempty"`   // at most 100 of them
	Made      []page.RelFile `json:"made,omitempty"`      // at most 100
}

// RelationRows are one relation's row changes in a transaction.
type RelationRows struct {
	File page.RelFile `json:"file"`
	Counts
}

const maxListed = 100

// Judge picks the candidates, gravest reason first, then earliest. It decides purely.
func Judge(history History, limits Thresholds) []Candidate {
	bound := limits.bound(history)
	var candidates []Candidate
	for _, t := range history.Suspects {
		if why := t.why(bound); why != "" {
			candidates = append(candidates, t.candidate(why))
		}
	}
	slices.SortStableFunc(candidates, func(a, b Candidate) int {
		return slices.Index(order(), a.Why) - slices.Index(order(), b.Why)
	})
	return candidates
}

// Hidden is what Judge, with default thresholds, may have made candidates of had it been
// kept: transactions up to Cut.Newest that dropped, truncated, or changed very much.
// false: it was shown every one.
func Hidden(history History) (Cut, bool) {
	cut := history.Cut
	return cut, cut.Removed || cut.Rows >= Thresholds{}.bound(history)
}

func (t Transaction) why(bound int64) Why {
	rows := t.Rows()
	switch {
	case len(t.Removed) > 0 && t.Catalog[classNode].Deleted > 0 && t.Created == 0:
		return Drop
	// An emptied index logs one page; a rewritten table logs its content.
	case len(t.Removed) > 0 && t.Created > 0 && rows.Inserted == 0 && t.Written <= t.Created:
		return Truncate
	case rows.Deleted >= bound:
		return MassDelete
	case rows.Updated >= bound:
		return MassUpdate
	case len(t.Removed) > 0:
		return FilesRemoved
	case t.changesSchema():
		return SchemaChange
	}
	return ""
}

func (t Transaction) candidate(why Why) Candidate {
	c := Candidate{
		XID: t.XID, FirstLSN: t.First, CommitLSN: t.Commit, CommitAt: t.At, Why: why, Rows: t.Rows(),
		Files: len(t.Removed) + t.More, Removed: t.Removed[:min(len(t.Removed), maxListed)], Made: t.Made,
	}
	for _, file := range t.files() {
		if len(c.Relations) == maxListed {
			break
		}
		c.Relations = append(c.Relations, RelationRows{File: file, Counts: t.Relations[file]})
	}
	return c
}
