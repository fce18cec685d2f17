package fence

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// maxOthers bounds how many roles and sessions are looked at.
const maxOthers = 1000

// MayWrite returns why a role might change what the database holds, or "" where it
// cannot. It counts what the role could do through any role it is a member of,
// inherited or taken with SET ROLE, and through SECURITY DEFINER functions, whose
// bodies are not judged. Making things of its own, as CREATE in a schema allows,
// counts too. Not counted: temporary tables, large objects that anybody may make,
// holdfast's own heartbeat, foreign servers.
func MayWrite(ctx context.Context, conn *pgx.Conn, role string) (string, error) {
	found, err := rightsOf(ctx, conn, role)
	if err != nil {
		return "", err
	}
	if found.Writes != "" {
		return found.Writes, nil
	}
	return found.Makes, nil
}

// rights are why a role may change what is there, and why it may add to it.
type rights struct {
	Writes string `db:"writes"`
	Makes  string `db:"makes"`
}

func rightsOf(ctx context.Context, conn *pgx.Conn, role string) (rights, error) {
	rows, err := pg.Rows[rights](ctx, conn, 1, "ask what role "+role+" may write", rightsSQL, role)
	if err != nil {
		return rights{}, err
	}
	return rows[0], nil
}

// pg_has_role(…, 'MEMBER') is true for a role itself, for roles whose rights it
// inherits and for those it must take with SET ROLE.
const rightsSQL = `WITH held AS (SELECT oid, rolname, rolsuper, rolcreaterole FROM pg_roles WHERE pg_has_role($1, oid, 'MEMBER')),
	spaces AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'holdfast')
		AND nspname NOT LIKE 'pg\_toast%' AND nspname NOT LIKE 'pg\_temp%')
SELECT coalesce(
	(SELECT 'it is or may become superuser ' || rolname FROM held WHERE rolsuper ORDER BY rolname <> $1 LIMIT 1),
	(SELECT 'it may act as ' || rolname FROM held
		WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program') LIMIT 1),
	(SELECT 'it may make itself a member of other roles as ' || rolname FROM held WHERE rolcreaterole LIMIT 1),
	(SELECT format('it may write to %I.%I as %s', n.nspname, c.relname, h.rolname)
		FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace CROSS JOIN held h
		WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND (c.relowner = h.oid
			OR has_table_privilege(h.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
			OR has_any_column_privilege(h.oid, c.oid, 'INSERT, UPDATE')) LIMIT 1),
	(SELECT format('it may drop what is in schema %I as %s', n.nspname, h.rolname) FROM spaces n JOIN held h ON h.oid = n.nspowner LIMIT 1),
	(SELECT format('it may advance sequence %I.%I as %s', n.nspname, c.relname, h.rolname)
		FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace CROSS JOIN held h
		WHERE c.relkind = 'S' AND (c.relowner = h.oid OR has_sequence_privilege(h.oid, c.oid, 'USAGE, UPDATE')) LIMIT 1),
	(SELECT format('it may call %I.%I, which runs with the rights of %s', n.nspname, p.proname, pg_get_userbyid(p.proowner))
		FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace CROSS JOIN held h
		WHERE p.prosecdef AND p.proowner NOT IN (SELECT oid FROM held) AND has_function_privilege(h.oid, p.oid, 'EXECUTE') LIMIT 1),
	(SELECT format('it may write to large object %s', m.oid) FROM pg_largeobject_metadata m
		WHERE m.lomowner IN (SELECT oid FROM held) OR EXISTS (SELECT FROM aclexplode(m.lomacl) a
			WHERE a.privilege_type = 'UPDATE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM held))) LIMIT 1), '') AS writes,
	coalesce(
	(SELECT format('it may create in schema %I as %s', n.nspname, h.rolname) FROM spaces n CROSS JOIN held h
		WHERE has_schema_privilege(h.oid, n.oid, 'CREATE') LIMIT 1),
	(SELECT format('it may create schemas as %s', rolname) FROM held
		WHERE has_database_privilege(oid, current_database(), 'CREATE') LIMIT 1), '') AS makes`

// Other is a role outside a fence that may change what a database holds.
type Other struct {
	Role     string
	Database string
	Sessions int // in the database now
	Why      string
}

// String is one line: the role, its sessions, and why.
func (o Other) String() string { return fmt.Sprintf("%s (%d sessions): %s", o.Role, o.Sessions, o.Why) }

// Others returns who may change what opts.Databases hold besides opts.Roles,
// opts.Allowed and server's own role: roles with a session there, and roles that
// may log in at any time. Superusers without a session are people, whom no fence
// stops. It only looks; a fence is not needed.
func Others(ctx context.Context, server pg.Server, opts Options) ([]Other, error) {
	var left []Other
	for _, database := range opts.Databases {
		err := server.In(database).Do(ctx, func(conn *pgx.Conn) error {
			found, err := othersIn(ctx, conn, database, slices.Concat(opts.Roles, opts.Allowed, []string{server.User}))
			left = append(left, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}

// requireNoOthers refuses a fence that leaves somebody who may write.
func requireNoOthers(ctx context.Context, server pg.Server, opts Options) error {
	left, err := Others(ctx, server, opts)
	if err != nil || len(left) == 0 {
		return err
	}
	return failure.New(failure.CheckFailed, "the fence on %s is up for %s, but others may still write: %s",
		server, strings.Join(opts.Roles, ", "), Name(left)).
		WithHint("end their sessions and ALTER ROLE … NOLOGIN, then retry this step; if one must go on writing, name it in the plan's databases[].unfenced_roles")
}

// Name lists others in one line.
func Name(others []Other) string {
	lines := make([]string, len(others))
	for i, one := range others {
		lines[i] = one.String()
	}
	return strings.Join(lines, "; ")
}

// candidate is a role that is not known and is in the database, or may come in.
type candidate struct {
	Name     string `db:"name"`
	Sessions int    `db:"sessions"`
}

func othersIn(ctx context.Context, conn *pgx.Conn, database string, known []string) ([]Other, error) {
	candidates, err := pg.Rows[candidate](ctx, conn, maxOthers, "look for others who may write", `SELECT r.rolname::text AS name, count(a.pid)::int AS sessions
		FROM pg_roles r LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid AND a.datname = current_database() AND a.backend_type = 'client backend'
		WHERE r.rolname <> ALL($1) AND (a.pid IS NOT NULL OR r.rolcanlogin AND NOT r.rolsuper AND r.rolconnlimit <> 0
			AND has_database_privilege(r.oid, current_database(), 'CONNECT'))
		GROUP BY r.rolname ORDER BY r.rolname`, known)
	if err != nil {
		return nil, err
	}
	var left []Other
	for _, one := range candidates {
		rights, err := rightsOf(ctx, conn, one.Name)
		if err != nil {
			return nil, err
		}
		if rights.Writes != "" {
			left = append(left, Other{Role: one.Name, Database: database, Sessions: one.Sessions, Why: rights.Writes})
		}
	}
	return left, nil
}
