package stack

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// poolerAdmin is the role of PgBouncer's admin console.
const poolerAdmin = "pgbouncer"

// Pooler is a running PgBouncer: what the application connects to.
type Pooler struct {
	*Process
	Port          int
	Dir           string
	ConfigFile    string
	Writer        string // entry that leads to the primary
	Reader        string // entry that leads to the replica
	AdminPassword config.Secret
}

// URL returns a connection string for a role through an entry. Transaction
// pooling allows no prepared statements: pgx is told so.
func (p *Pooler) URL(entry, role string, password config.Secret) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s password=%s sslmode=disable default_query_exec_mode=simple_protocol",
		p.Port, role, entry, password.Reveal())
}

func (s *Stack) startPooler(ctx context.Context) error {
	path, err := find("pgbouncer", "/usr/sbin", "/usr/local/sbin")
	if err != nil {
		return err
	}
	p := s.Pooler
	users := filepath.Join(p.Dir, "users.txt")
	if err := s.write(users, s.poolerUsers(), 0o600); err != nil {
		return err
	}
	if err := s.write(p.ConfigFile, s.poolerConfig(users), 0o600); err != nil {
		return err
	}
	p.Process, err = s.processes.start(command{name: "pgbouncer", path: path, args: []string{p.ConfigFile}, gentle: syscall.SIGINT})
	if err != nil {
		return err
	}
	return p.ready(ctx, s.poolerServes)
}

func (s *Stack) poolerConfig(users string) string {
	p, db := s.Pooler, s.database.DBName
	return strings.Join([]string{
		"[databases]",
		fmt.Sprintf("%s = host=127.0.0.1 port=%d dbname=%s", p.Writer, s.Primary.Port, db),
		fmt.Sprintf("%s = host=127.0.0.1 port=%d dbname=%s", p.Reader, s.Replica.Port, db),
		"",
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		fmt.Sprintf("listen_port = %d", p.Port),
		"unix_socket_dir = " + p.Dir,
		"auth_type = scram-sha-256",
		"auth_file = " + users,
		"admin_users = " + poolerAdmin,
		"pool_mode = transaction",
		"default_pool_size = 20",
		"server_login_retry = 1",
		"ignore_startup_parameters = extra_float_digits,options",
		"",
	}, "\n")
}

// poolerUsers holds passwords in clear text: PgBouncer needs them to log in at
// PostgreSQL with SCRAM in its clients' place. The file is the account's alone.
func (s *Stack) poolerUsers() string {
	lines := []string{fmt.Sprintf("%q %q", poolerAdmin, s.Pooler.AdminPassword.Reveal())}
	for _, role := range s.database.Roles {
		lines = append(lines, fmt.Sprintf("%q %q", role.Name, s.Passwords[role.Name].Reveal()))
	}
	return strings.Join(lines, "\n") + "\n"
}

// poolerServes looks through both entries as the application does.
func (s *Stack) poolerServes(ctx context.Context) error {
	role := s.database.Roles[0].Name
	for _, entry := range []string{s.Pooler.Writer, s.Pooler.Reader} {
		conn, err := pgx.Connect(ctx, s.Pooler.URL(entry, role, s.Passwords[role]))
		if err != nil {
			return failure.Wrap(failure.Unavailable, err, "connect through entry %s", entry)
		}
		if err := conn.Close(ctx); err != nil {
			return failure.Wrap(failure.Unavailable, err, "close a connection through entry %s", entry)
		}
	}
	return nil
}
