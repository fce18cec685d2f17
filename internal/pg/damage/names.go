package damage

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/page"
)

// maxRelations bounds what one database may list.
const maxRelations = 2_000_000

// Relation is a relation's name, kind and size.
type Relation struct {
	Database   string  `json:"database"`
	Schema     string  `json:"schema" db:"schema"`
	Name       string  `json:"name" db:"name"`
	Kind       string  `json:"kind" db:"kind"`       // table, index, sequence, toast, matview
	Of         string  `json:"of,omitempty" db:"of"` // the table an index or toast table belongs to
	Rows       float64 `json:"rows" db:"rows"`       // planner's estimate; -1: unknown
	Pages      int64   `json:"pages" db:"pages"`     // planner's figure
	Tablespace uint32  `json:"tablespace" db:"space"`
	DatabaseID uint32  `json:"database_id" db:"dboid"` // 0: shared
	Node       uint32  `json:"node" db:"node"`         // pg_relation_filenode: mapped relations too
	Unlogged   bool    `json:"unlogged" db:"unlogged"`
}

// String returns database.schema.name.
func (r Relation) String() string { return r.Database + "." + r.Schema + "." + r.Name }

// Names maps files to relations.
type Names struct {
	byFile  map[page.RelFile]Relation
	Unknown []string `json:"unknown,omitempty"` // databases that could not be asked, and why
}

const relationsSQL = `SELECT n.nspname::text AS schema, c.relname::text AS name,
	CASE c.relkind WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'toast' WHEN 'm' THEN 'matview' ELSE 'table' END AS kind,
	coalesce((SELECT indrelid::regclass::text FROM pg_index WHERE indexrelid = c.oid),
		(SELECT oid::regclass::text FROM pg_class WHERE reltoastrelid = c.oid AND c.relkind = 't'), '') AS of,
	c.reltuples::float8 AS rows, c.relpages::bigint AS pages,
	(CASE WHEN c.reltablespace <> 0 THEN c.reltablespace ELSE d.dattablespace END)::bigint AS space,
	(CASE WHEN c.relisshared THEN 0::oid ELSE d.oid END)::bigint AS dboid,
	pg_relation_filenode(c.oid)::bigint AS node, c.relpersistence = 'u' AS unlogged, ''::text AS database
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_database d ON d.datname = current_database()
	WHERE c.relkind IN ('r', 'i', 'S', 't', 'm') AND c.relpersistence <> 't' AND pg_relation_filenode(c.oid) IS NOT NULL`

// ReadNames asks every database for its relations. A database whose catalog
// cannot be read is in Names.Unknown; only a server that cannot be asked at all
// is an error.
func ReadNames(ctx context.Context, server pg.Server) (*Names, error) {
	databases, err := Databases(ctx, server)
	if err != nil {
		return nil, err
	}
	names := &Names{byFile: map[page.RelFile]Relation{}}
	for _, database := range databases {
		err := server.In(database).Do(ctx, func(conn *pgx.Conn) error { return names.add(ctx, conn, database) })
		if err != nil {
			names.Unknown = append(names.Unknown, database+": "+err.Error())
		}
	}
	return names, nil
}

// Databases lists the databases that accept connections, by name.
func Databases(ctx context.Context, server pg.Server) ([]string, error) {
	type row struct {
		Name string `db:"name"`
	}
	var names []string
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		rows, err := pg.Rows[row](ctx, conn, 100_000, "list databases", "SELECT datname::text AS name FROM pg_database WHERE datallowconn ORDER BY 1")
		for _, r := range rows {
			names = append(names, r.Name)
		}
		return err
	})
	return names, err
}

func (n *Names) add(ctx context.Context, conn *pgx.Conn, database string) error {
	relations, err := pg.Rows[Relation](ctx, conn, maxRelations, "list relations", relationsSQL)
	for _, relation := range relations {
		relation.Database = database
		n.byFile[page.RelFile{Tablespace: relation.Tablespace, Database: relation.DatabaseID, Node: relation.Node}] = relation
	}
	return err
}

// Find returns the relation a file belongs to.
func (n *Names) Find(file page.RelFile) (Relation, bool) {
	relation, found := n.byFile[page.RelFile{Tablespace: file.Tablespace, Database: file.Database, Node: file.Node}]
	return relation, found
}
