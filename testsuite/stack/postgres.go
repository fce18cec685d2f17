package stack

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Postgres is one PostgreSQL server of the stack. After a recovery another
// process may serve its port: Process is the one the stack started.
type Postgres struct {
	*Process
	Host      string // name in the plan
	DataDir   string
	SocketDir string
	Port      int
	AsidePort int
	Workspace string
	BinDir    string
	Superuser string
	Password  config.Secret
}

// URL returns a connection string for a role over TCP.
func (p *Postgres) URL(role, database string, password config.Secret) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s password=%s sslmode=disable", p.Port, role, database, password.Reveal())
}

// Connect connects as superuser.
func (p *Postgres) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, p.URL(p.Superuser, database, p.Password))
	return conn, failure.Wrap(failure.Unavailable, err, "connect to PostgreSQL on port %d", p.Port)
}

// Exec runs statements as superuser of database, each by itself.
func (p *Postgres) Exec(ctx context.Context, database string, statements ...string) error {
	conn, err := p.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // every statement has been answered
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return failure.Wrap(failure.CheckFailed, err, "run %.60q", statement)
		}
	}
	return nil
}

func (p *Postgres) probe(ctx context.Context) error {
	conn, err := p.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// programs are PostgreSQL's own, run as the stack's account.
func (s *Stack) programs() pg.Programs {
	return pg.Programs{Dir: s.postgresBin, Owner: s.account.Owner}
}

// startPrimary makes a cluster with page checksums and starts it. The files and
// the password file of the superuser are the stack's own.
func (s *Stack) startPrimary(ctx context.Context) error {
	p := s.Primary
	initdb, err := s.programs().Run(ctx, "initdb", "--pgdata", p.DataDir, "--data-checksums", "--encoding=UTF8", "--locale=C",
		"--username="+p.Superuser, "--auth=scram-sha-256", "--pwfile="+s.secretFile("superuser"), "--no-sync")
	if err != nil {
		return err
	}
	if err := initdb.Must(failure.Unavailable, "initdb"); err != nil {
		return err
	}
	if err := s.appendConf(p, append([]string{
		"archive_mode = on", "archive_command = " + quoteConf(s.archiveCommand()),
	}, s.options.PostgresSettings...)); err != nil {
		return err
	}
	if err := s.writeWALSettings(ctx, p); err != nil {
		return err
	}
	if err := s.servePostgres(ctx, p); err != nil {
		return err
	}
	return s.createRoles(ctx)
}

// appendConf adds the stack's settings to postgresql.conf, inside the data
// directory, so that backups and replicas carry them.
func (s *Stack) appendConf(p *Postgres, more []string) error {
	lines := append([]string{
		"", "# Private server of holdfast's stack.",
		"listen_addresses = '127.0.0.1'", "port = " + strconv.Itoa(p.Port),
		"unix_socket_directories = " + quoteConf(p.SocketDir),
		"wal_level = replica", "hot_standby = on", "wal_log_hints = on",
		"max_wal_senders = 12", "max_replication_slots = 12", "max_connections = 100",
		"shared_buffers = 256MB", "max_wal_size = 4GB", "checkpoint_timeout = 15min",
		"password_encryption = 'scram-sha-256'", "log_line_prefix = '%m [%p] %q%u@%d '",
	}, more...)
	path := filepath.Join(p.DataDir, "postgresql.conf")
	return appendFile(path, strings.Join(lines, "\n")+"\n")
}

// PostgresAgain starts a server that has ended, as the machine's supervisor would.
func (s *Stack) PostgresAgain(ctx context.Context, p *Postgres) error {
	return s.servePostgres(ctx, p)
}

func (s *Stack) servePostgres(ctx context.Context, p *Postgres) error {
	process, err := s.processes.start(command{
		name: "postgres-" + p.Host, path: filepath.Join(p.BinDir, "postgres"), args: []string{"-D", p.DataDir},
		gentle: syscall.SIGQUIT, // at once, without a checkpoint: the files are removed next
	})
	if err != nil {
		return err
	}
	p.Process = process
	return process.ready(ctx, p.probe)
}

// createRoles makes the database, its extension, and the roles that the plan and
// the stack need.
func (s *Stack) createRoles(ctx context.Context) error {
	statements := []string{
		"CREATE ROLE " + replicationRole + " LOGIN REPLICATION IN ROLE pg_monitor PASSWORD " + literal(s.Passwords[replicationRole]),
	}
	for _, role := range s.database.Roles {
		statements = append(statements, "CREATE ROLE "+identifier(role.Name)+" LOGIN PASSWORD "+literal(s.Passwords[role.Name]))
	}
	statements = append(statements, "CREATE DATABASE "+identifier(s.database.DBName))
	if err := s.Primary.Exec(ctx, "postgres", statements...); err != nil {
		return err
	}
	major, err := pg.DataDirMajor(s.Primary.DataDir)
	if err != nil {
		return err
	}
	return s.Primary.Exec(ctx, s.database.DBName, s.privileges(major)...)
}

// privileges of the plan's roles in its database: writers may create, readers
// only read what is there and what writers will make.
func (s *Stack) privileges(major pg.Major) []string {
	// As PostgreSQL 15 has it from the beginning: who may create is no reader.
	statements := []string{"CREATE EXTENSION amcheck", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"}
	for _, role := range s.database.Roles {
		switch {
		case !role.ReadOnly:
			statements = append(statements, "GRANT CREATE, USAGE ON SCHEMA public TO "+identifier(role.Name))
		case major >= 14:
			statements = append(statements, "GRANT pg_read_all_data TO "+identifier(role.Name))
		default:
			statements = append(statements, s.readable(role.Name)...)
		}
	}
	return statements
}

// readable stands in for pg_read_all_data, which came with 14: reader may see what
// every other role makes from now on.
func (s *Stack) readable(reader string) []string {
	owners := []string{s.Primary.Superuser}
	for _, role := range s.database.Roles {
		if !role.ReadOnly {
			owners = append(owners, role.Name)
		}
	}
	var statements []string
	for _, owner := range owners {
		statements = append(statements,
			"ALTER DEFAULT PRIVILEGES FOR ROLE "+identifier(owner)+" GRANT SELECT ON TABLES TO "+identifier(reader))
	}
	return statements
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes a generated password, which holds letters and digits only.
func literal(secret config.Secret) string {
	return "'" + strings.ReplaceAll(secret.Reveal(), "'", "''") + "'"
}

// quoteConf quotes a value of postgresql.conf.
func quoteConf(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" }
