package onset

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/page"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Bounds on what is held of hostile or merely huge input.
const (
	maxOpen      = 1_000_000 // transactions open at once, subtransactions too
	maxRelations = 20_000    // per transaction
)

// firstUserNode is the first file number of a user's relation
// (FirstNormalObjectId, src/include/access/transam.h).
const firstUserNode = 16384

// File numbers of catalogs as initdb gives them.
const (
	attributeNode = 1249 // pg_attribute
	classNode     = 1259 // pg_class
)

// Counts are row changes.
type Counts struct {
	Inserted int64 `json:"inserted"`
	Updated  int64 `json:"updated"`
	Deleted  int64 `json:"deleted"`
}

// Destroyed counts the rows whose old content is gone.
func (c Counts) Destroyed() int64 { return c.Updated + c.Deleted }

func (c *Counts) add(other Counts) {
	c.Inserted += other.Inserted
	c.Updated += other.Updated
	c.Deleted += other.Deleted
}

// Transaction is one committed transaction with its subtransactions.
type Transaction struct {
	XID       uint32                  `json:"xid"`
	First     wal.LSN                 `json:"first_lsn"` // locks included: stopping here leaves none behind
	Commit    wal.LSN                 `json:"commit_lsn"`
	At        time.Time               `json:"at"`                // commit time by the server's clock, UTC; zero: unreadable
	Relations map[page.RelFile]Counts `json:"-"`                 // user relations, at most maxRelations
	Beyond    Counts                  `json:"beyond,omitzero"`   // in the user relations that are more
	Catalog   map[uint32]Counts       `json:"-"`                 // by catalog file number
	Removed   []page.RelFile          `json:"removed,omitempty"` // users' files that the commit removed, at most maxRelations
	More      int                     `json:"more,omitempty"`    // files it removed besides
	Created   int                     `json:"created"`           // files it made
	Made      []page.RelFile          `json:"made,omitempty"`    // those of them that are users', at most maxListed
	Written   int                     `json:"written"`           // pages it logged whole, as a rewrite does
}

// Rows sums over all user relations.
func (t Transaction) Rows() Counts {
	sum := t.Beyond
	for _, counts := range t.Relations {
		sum.add(counts)
	}
	return sum
}

// open are the transactions whose end was not read yet.
type open struct {
	byXID map[uint32]*Transaction
}

func (o *open) of(r record) (*Transaction, error) {
	t := o.byXID[r.xid]
	if t != nil {
		return t, nil
	}
	if len(o.byXID) >= maxOpen {
		return nil, failure.New(failure.Unknown, "more than %d transactions are open at %s", maxOpen, r.lsn)
	}
	t = &Transaction{XID: r.xid, First: r.lsn, Relations: map[page.RelFile]Counts{}, Catalog: map[uint32]Counts{}}
	o.byXID[r.xid] = t
	return t, nil
}

// change books one heap or storage record.
func (o *open) change(r record) error {
	if r.xid == 0 {
		return nil // vacuum and hint bits belong to nobody
	}
	if r.manager == "Standby" && r.what != "LOCK" {
		return nil
	}
	t, err := o.of(r)
	if err != nil {
		return err
	}
	switch {
	case r.manager == "Storage" && r.what == "CREATE":
		t.Created++
		t.made(r)
	case r.manager == "XLOG" && r.what == "FPI":
		t.Written += strings.Count(r.detail, "blkref #")
	case r.manager == "Heap", r.manager == "Heap2":
		t.book(r.relation, countsOf(r))
	}
	return nil
}

// made keeps which file a record "CREATE base/5/16384" makes.
func (t *Transaction) made(r record) {
	path, _, _ := strings.Cut(r.detail, " ")
	if file, ok := page.ParsePath(path); ok && file.Node >= firstUserNode && len(t.Made) < maxListed {
		t.Made = append(t.Made, file)
	}
}

func countsOf(r record) Counts {
	what, _, _ := strings.Cut(r.what, "+") // INSERT+INIT
	switch what {
	case "INSERT":
		return Counts{Inserted: 1}
	case "MULTI_INSERT":
		return Counts{Inserted: r.tuples()}
	case "UPDATE", "HOT_UPDATE":
		return Counts{Updated: 1}
	case "DELETE":
		return Counts{Deleted: 1}
	}
	return Counts{}
}

func (t *Transaction) book(relation page.RelFile, counts Counts) {
	if counts == (Counts{}) {
		return
	}
	if relation.Node < firstUserNode {
		sum := t.Catalog[relation.Node]
		sum.add(counts)
		t.Catalog[relation.Node] = sum
		return
	}
	sum, known := t.Relations[relation]
	if !known && len(t.Relations) >= maxRelations {
		t.Beyond.add(counts)
		return
	}
	sum.add(counts)
	t.Relations[relation] = sum
}

// end closes the transaction of a commit or abort record and returns it with
// its subtransactions merged in.
func (o *open) end(r record) Transaction {
	xid := r.xid
	if prepared := r.prepared(); prepared != 0 {
		xid = prepared
	}
	whole := Transaction{XID: xid, First: r.lsn, Relations: map[page.RelFile]Counts{}, Catalog: map[uint32]Counts{}}
	whole.absorb(o.take(xid))
	for _, word := range r.list("subxacts") {
		whole.absorb(o.take(uint32(number(word))))
	}
	whole.Commit, whole.At = r.lsn, r.commitTime()
	for _, path := range r.list("rels") {
		whole.remove(path)
	}
	return whole
}

// remove notes a file that the commit removes.
func (t *Transaction) remove(path string) {
	relation, ok := page.ParsePath(path)
	switch {
	case !ok || relation.Node < firstUserNode:
	case len(t.Removed) < maxRelations:
		t.Removed = append(t.Removed, relation)
	default:
		t.More++
	}
}

func (o *open) take(xid uint32) *Transaction {
	t := o.byXID[xid]
	delete(o.byXID, xid)
	return t
}

func (t *Transaction) absorb(part *Transaction) {
	if part == nil {
		return
	}
	t.First = min(t.First, part.First)
	t.Created += part.Created
	t.Made = append(t.Made, part.Made[:min(len(part.Made), maxListed-len(t.Made))]...)
	t.Written += part.Written
	t.Beyond.add(part.Beyond)
	for relation, counts := range part.Relations {
		t.book(relation, counts)
	}
	for node, counts := range part.Catalog {
		sum := t.Catalog[node]
		sum.add(counts)
		t.Catalog[node] = sum
	}
}

// files returns the transaction's user relations, most destroyed first, in a fixed order.
func (t Transaction) files() []page.RelFile {
	return slices.SortedFunc(maps.Keys(t.Relations), func(a, b page.RelFile) int {
		return cmp.Or(
			cmp.Compare(t.Relations[b].Destroyed(), t.Relations[a].Destroyed()),
			cmp.Compare(a.Database, b.Database), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Tablespace, b.Tablespace),
		)
	})
}
