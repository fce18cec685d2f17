package pgbouncer

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
)

// Pooler is one PgBouncer instance on this host.
type Pooler struct {
	ConfigFile string // the file that holds the entries, the main one or one it includes
	// Admin is the connection string of the admin console (database pgbouncer). On
	// another machine it must prove its name, sslmode=verify-full, unless the string
	// says how.
	Admin string
}

// Current returns where PgBouncer itself says that entry leads.
func (p Pooler) Current(ctx context.Context, entry string) (Server, error) {
	conn, err := p.connect(ctx)
	if err != nil {
		return Server{}, err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing was written on this connection
	return current(ctx, conn, entry)
}

// Redirect makes entry lead to server and returns once PgBouncer says that it
// does. Server connections of the old route are dropped as soon as their
// transaction ends. Twice is harmless: the second call finds the file as wanted
// and only reloads.
func (p Pooler) Redirect(ctx context.Context, entry string, to Server) error {
	config, err := readConfig(p.ConfigFile)
	if err != nil {
		return err
	}
	changed, err := withServer(config, entry, to)
	if err != nil {
		return err
	}
	if changed != config {
		if err := replaceConfig(p.ConfigFile, changed); err != nil {
			return err
		}
	}
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // a lost admin session undoes nothing
	for _, command := range []string{"RELOAD", "RECONNECT " + pgx.Identifier{entry}.Sanitize()} {
		if _, err := conn.Exec(ctx, command); err != nil {
			return failure.Wrap(failure.Unavailable, err, "PgBouncer command %s", command)
		}
	}
	return confirm(ctx, conn, entry, to)
}

func confirm(ctx context.Context, conn *pgx.Conn, entry string, want Server) error {
	got, err := current(ctx, conn, entry)
	if err != nil {
		return err
	}
	if got != want {
		return failure.New(failure.CheckFailed, "PgBouncer still routes %s to %s after a reload, not to %s", entry, got, want).
			WithHint("check that PgBouncer reads the file named in the plan: psql -p PORT pgbouncer -c 'SHOW CONFIG'")
	}
	return nil
}

func (p Pooler) connect(ctx context.Context) (*pgx.Conn, error) {
	text, err := conninfo.Secure(p.Admin)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, failure.Invalid("endpoint.admin_conn", "not a connection string")
	}
	// The admin console speaks the simple query protocol only.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, failure.New(failure.Unavailable, "connect to the PgBouncer admin console at %s:%d: %s", config.Host, config.Port, err).
			WithHint("another machine must prove its name: give PgBouncer a certificate (client_tls_sslmode) and endpoint.admin_conn its authority (sslrootcert=FILE), or say there how to connect (sslmode=…)")
	}
	return conn, nil
}

// current reads SHOW DATABASES, whose columns differ between versions: they are
// found by name.
func current(ctx context.Context, conn *pgx.Conn, entry string) (Server, error) {
	results, err := conn.PgConn().Exec(ctx, "SHOW DATABASES").ReadAll()
	if err != nil {
		return Server{}, failure.Wrap(failure.Unavailable, err, "PgBouncer command SHOW DATABASES")
	}
	for _, result := range results {
		column := map[string]int{}
		for i, field := range result.FieldDescriptions {
			column[field.Name] = i
		}
		name, hasName := column["name"]
		host, hasHost := column["host"]
		port, hasPort := column["port"]
		if !hasName || !hasHost || !hasPort {
			continue
		}
		for _, row := range result.Rows {
			if string(row[name]) != entry {
				continue
			}
			number, err := strconv.Atoi(string(row[port]))
			if err != nil {
				return Server{}, failure.New(failure.Unknown, "PgBouncer names port %.20q for %s", row[port], entry)
			}
			return Server{Host: string(row[host]), Port: number}, nil
		}
	}
	return Server{}, failure.New(failure.NotFound, "PgBouncer knows no entry %s", entry)
}
