package damage

import (
	"context"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/page"
)

// Table is the damage of one relation.
type Table struct {
	Relation
	PagesBad       int64    `json:"pages_bad"`
	Unsettled      int64    `json:"unsettled"`
	Files          []string `json:"files"`
	Blocks         []uint32 `json:"blocks,omitempty"`          // of the main fork
	RowsUnreadable *int64   `json:"rows_unreadable,omitempty"` // estimate; nil: unknown, or no table
}

// Report is a scan put against names.
type Report struct {
	Scanned
	Tables  []Table  `json:"tables,omitempty"` // worst first
	Unknown []string `json:"unknown,omitempty"`
}

// Attribute puts a scan's files against relations. names may be nil when the
// server is down; then every file is unknown. It decides purely.
func Attribute(scanned Scanned, names *Names) Report {
	report := Report{Scanned: scanned}
	if names != nil {
		report.Unknown = append(report.Unknown, names.Unknown...)
	}
	tables := map[Relation]*Table{}
	for _, file := range scanned.Damaged {
		relation, found := names.lookup(file.Relation)
		if !found {
			report.Unknown = append(report.Unknown, file.Path+": no relation is known for this file")
		}
		if tables[relation] == nil {
			tables[relation] = &Table{Relation: relation}
		}
		tables[relation].include(file)
	}
	for _, table := range tables {
		table.estimate()
		report.Tables = append(report.Tables, *table)
	}
	slices.SortFunc(report.Tables, func(a, b Table) int { return int(b.PagesBad - a.PagesBad) })
	return report
}

func (n *Names) lookup(file page.RelFile) (Relation, bool) {
	if n != nil {
		if relation, found := n.Find(file); found {
			return relation, true
		}
	}
	return Relation{Kind: "unknown", Node: file.Node, DatabaseID: file.Database, Tablespace: file.Tablespace, Rows: -1}, false
}

func (t *Table) include(file File) {
	t.PagesBad += file.BadCount
	t.Unsettled += file.Unsettled
	t.Files = append(t.Files, file.Path)
	if file.Relation.Fork == page.Main {
		t.Blocks = append(t.Blocks, file.Bad...)
	}
}

func (t *Table) estimate() {
	if t.Rows < 0 || t.Pages <= 0 || t.Kind == "index" || t.Kind == "unknown" {
		return
	}
	rows := int64(t.Rows / float64(t.Pages) * float64(len(t.Blocks)))
	t.RowsUnreadable = &rows
}

// Extent scans a cluster and attributes what it found; server may be nil when
// it is down, and a server that cannot be asked leaves the names unknown.
func Extent(ctx context.Context, c *cluster.Cluster, server *pg.Server, opts Options) (Report, error) {
	scanned, err := Scan(ctx, c, opts)
	if err != nil {
		return Report{}, err
	}
	if server == nil {
		return Attribute(scanned, nil), nil
	}
	names, err := ReadNames(ctx, *server)
	report := Attribute(scanned, names)
	if err != nil {
		if ctx.Err() != nil {
			return report, failure.Wrap(failure.Unavailable, err, "measure the extent of damage")
		}
		report.Unknown = append(report.Unknown, "relation names: "+err.Error())
	}
	return report, nil
}
