package onset

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// maxLossRelations bounds the relations counted.
const maxLossRelations = 100_000

// Loss is what committed after a position.
type Loss struct {
	Transactions int64     `json:"transactions"`
	Tables       []Lost    `json:"tables"`       // most rows first; catalogs and TOAST are left out
	Unattributed Counts    `json:"unattributed"` // in relations that no catalog given knows, or that are too many to tell apart
	Removed      int       `json:"removed"`      // relation files removed
	Complete     bool      `json:"complete"`     // false: figures are lower bounds
	Detail       string    `json:"detail,omitempty"`
	Newest       Committed `json:"newest"`
}

// Committed is the last transaction counted.
type Committed struct {
	LSN wal.LSN `json:"lsn"`
	XID uint32  `json:"xid"`
}

// Lost is one table's committed row changes after the position.
type Lost struct {
	Database string `json:"database"`
	Table    string `json:"table"` // schema.name
	Counts
}

// Count adds up the row changes of transactions that committed after from, up
// to and including until (0: the end). The ranges should begin well before from:
// a transaction's changes before the first range are not seen. names are
// catalogs to look relations up in, the first that knows one wins: the damaged
// cluster's, then the restored one's, which still knows what was dropped later.
func Count(ctx context.Context, programs pg.Programs, ranges []Range, from, until wal.LSN, names ...*damage.Names) (Loss, error) {
	if from == 0 || until != 0 && until < from {
		return Loss{}, failure.Invalid("from", "%s to %s is no range of positions", from, until)
	}
	counter := &counter{from: from, until: until, rows: map[page.RelFile]Counts{}, state: &open{byXID: map[uint32]*Transaction{}}}
	counter.loss.Complete = true
	for _, r := range ranges {
		ended, err := dump(ctx, programs, r, counter.record)
		if err != nil {
			return Loss{}, err
		}
		if !ended.Complete {
			counter.loss.Complete, counter.loss.Detail = false, ended.Detail
		}
	}
	counter.attribute(names)
	return counter.loss, nil
}

type counter struct {
	from, until wal.LSN
	state       *open
	rows        map[page.RelFile]Counts
	loss        Loss
}

func (c *counter) record(r record) error {
	if r.manager != "Transaction" {
		return c.state.change(r)
	}
	switch r.what {
	case "COMMIT", "COMMIT_PREPARED":
		return c.commit(c.state.end(r))
	case "ABORT", "ABORT_PREPARED":
		c.state.end(r)
	}
	return nil
}

func (c *counter) commit(t Transaction) error {
	if t.Commit <= c.from || c.until != 0 && t.Commit > c.until {
		return nil
	}
	c.loss.Transactions++
	c.loss.Removed += len(t.Removed) + t.More
	if t.Beyond != (Counts{}) {
		c.loss.Unattributed.add(t.Beyond)
		c.loss.Complete = false
		c.loss.Detail = fmt.Sprintf("transaction %d changed more than %d relations: those beyond them are counted, but not told apart", t.XID, maxRelations)
	}
	c.loss.Newest = Committed{LSN: t.Commit, XID: t.XID}
	for relation, counts := range t.Relations {
		sum := c.rows[relation]
		sum.add(counts)
		c.rows[relation] = sum
	}
	if len(c.rows) > maxLossRelations {
		return failure.New(failure.Unknown, "more than %d relations changed after %s", maxLossRelations, c.from)
	}
	return nil
}

func (c *counter) attribute(names []*damage.Names) {
	tables := map[[2]string]Counts{}
	for relation, counts := range c.rows {
		found, known := lookup(relation, names)
		if !known {
			c.loss.Unattributed.add(counts)
			continue
		}
		if found.Kind == "toast" || found.Schema == "pg_catalog" {
			continue
		}
		key := [2]string{found.Database, found.Schema + "." + found.Name}
		sum := tables[key]
		sum.add(counts)
		tables[key] = sum
	}
	keys := slices.SortedFunc(maps.Keys(tables), func(a, b [2]string) int {
		if order := cmp.Compare(total(tables[b]), total(tables[a])); order != 0 {
			return order
		}
		return slices.Compare(a[:], b[:])
	})
	for _, key := range keys {
		c.loss.Tables = append(c.loss.Tables, Lost{Database: key[0], Table: key[1], Counts: tables[key]})
	}
}

func total(c Counts) int64 { return c.Inserted + c.Updated + c.Deleted }

func lookup(relation page.RelFile, names []*damage.Names) (damage.Relation, bool) {
	for _, catalog := range names {
		if catalog == nil {
			continue
		}
		if found, known := catalog.Find(relation); known {
			return found, true
		}
	}
	return damage.Relation{}, false
}
