package swap

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// serve starts the cluster that is in the service's place and proves that it is
// the one that answers at the service port. Running servers are left alone.
func (s *swap) serve(ctx context.Context) (Swapped, error) {
	serving, other, want := s.restored, s.damaged, s.config.Restored
	if s.goal == GoalBack {
		serving, other, want = s.damaged, s.restored, s.config.Damaged
	}
	if err := s.before("start the service"); err != nil {
		return Swapped{}, err
	}
	if err := s.startService(ctx, serving.cluster, want); err != nil {
		return Swapped{}, failure.Wrap(failure.ClassOf(err), err, "serve from %s", serving.cluster.DataDir)
	}
	swapped := Swapped{ServingDir: serving.cluster.DataDir}
	var err error
	if swapped.Serving, err = serving.cluster.Require(ctx, want.Expected); err != nil {
		return swapped, err
	}
	if swapped.At, err = s.answeredAt(); err != nil {
		return swapped, err
	}
	if other.cluster != nil {
		swapped.AsideDir = other.cluster.DataDir
	}
	if s.goal == GoalIn {
		if err := s.before("start the damaged cluster aside"); err != nil {
			return swapped, err
		}
		swapped.AsidePort = s.config.Aside.Port
		swapped.AsideReads, swapped.Why = s.readAside(ctx)
	}
	return swapped, nil
}

func (s *swap) startService(ctx context.Context, c *cluster.Cluster, want Identity) error {
	if err := c.Start(ctx, cluster.StartOptions{}); err != nil {
		return err
	}
	process, err := c.WaitReady(ctx)
	if err != nil {
		return err
	}
	if process.Port != s.config.Login.Port {
		return failure.New(failure.IdentityMismatch, "the server of %s listens on port %d; the service port is %d",
			c.DataDir, process.Port, s.config.Login.Port).WithHint("compare the port in %s with the plan's", c.DataDir)
	}
	return s.config.Login.Do(ctx, func(conn *pgx.Conn) error {
		system, err := pg.One[int64](ctx, conn, "ask for identity", "SELECT system_identifier FROM pg_control_system() WHERE NOT pg_is_in_recovery()")
		if failure.Is(err, failure.NotFound) {
			return failure.New(failure.Refused, "the server of %s is in recovery: it takes no writes", c.DataDir).
				WithHint("ls %s/*.signal", c.DataDir)
		}
		if err == nil && wal.SystemID(uint64(system)) != want.SystemID {
			return failure.New(failure.IdentityMismatch, "system %d answers at %s; expected %s", uint64(system), s.config.Login, want.SystemID)
		}
		return err
	})
}

// readAside starts the damaged cluster for reading. It may be too damaged: that
// is an answer, and no reason to fail a cut-over that has succeeded.
func (s *swap) readAside(ctx context.Context) (reads bool, why string) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Aside.Limit)
	defer cancel()
	if err := s.startAside(ctx); err != nil {
		return false, err.Error()
	}
	return true, ""
}

func (s *swap) startAside(ctx context.Context) error {
	c := s.damaged.cluster
	if err := s.asideRules(c.Programs.Owner); err != nil {
		return err
	}
	if err := c.Start(ctx, cluster.StartOptions{Settings: s.asideSettings()}); err != nil {
		return err
	}
	if _, err := c.WaitReady(ctx); err != nil {
		return err
	}
	return c.Server(s.config.Aside.Superuser).Do(ctx, func(conn *pgx.Conn) error {
		settings, err := pg.One[string](ctx, conn, "check that it only reads",
			"SELECT current_setting('default_transaction_read_only') || ' ' || current_setting('archive_mode')")
		if err == nil && settings != "on off" {
			return failure.New(failure.CheckFailed, "default_transaction_read_only and archive_mode are %s, not on and off", settings)
		}
		return err
	})
}

func (s *swap) asideRulesFile() string { return filepath.Join(s.config.Aside.SocketDir, "pg_hba.conf") }

// asideRules lets in the superuser through the private socket and the named
// readers; everybody else, the application first of all, finds no rule.
func (s *swap) asideRules(owner pg.Owner) error {
	if err := owner.MkdirAll(s.config.Aside.SocketDir); err != nil {
		return err
	}
	var rules strings.Builder
	rules.WriteString("# Written by holdfast: the damaged cluster, to be read only.\nlocal all " + quoteRole(s.config.Aside.Superuser) + " trust\n")
	for _, reader := range s.config.Aside.Readers {
		// md5 accepts both kinds of stored passwords.
		rules.WriteString("local all " + quoteRole(reader) + " md5\nhost all " + quoteRole(reader) + " 127.0.0.1/32 md5\n")
	}
	return owner.WriteFile(s.asideRulesFile(), []byte(rules.String()), 0o600)
}

func quoteRole(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// asideSettings are given on the command line: no file of the damaged cluster
// changes. data_directory is spelt out because a configuration file that lies
// elsewhere, as on Debian, names the service's. The empty conninfo and command
// keep a leftover signal file from recovering it any further.
func (s *swap) asideSettings() map[string]string {
	listen := ""
	if len(s.config.Aside.Readers) > 0 {
		listen = "127.0.0.1"
	}
	return map[string]string{
		"archive_mode": "off", "default_transaction_read_only": "on", "listen_addresses": listen,
		"hba_file": s.asideRulesFile(), "data_directory": s.damaged.cluster.DataDir, "external_pid_file": "",
		"primary_conninfo": "", "restore_command": "", "synchronous_standby_names": "", "autovacuum": "off",
		"logging_collector": "off", "log_destination": "stderr", "ssl": "off",
		"max_logical_replication_workers": "0", // a subscription's workers write whatever is set above
	}
}
