package replay

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// Config says how a restored cluster recovers, apart from everything.
type Config struct {
	Target         Target            `json:"target"`
	RestoreCommand string            `json:"restore_command"`    // with %f and %p
	Superuser      string            `json:"superuser"`          // trusted on the private socket; default "postgres"
	Settings       map[string]string `json:"settings,omitempty"` // more settings; may not undo the isolation
}

const (
	blockBegin   = "# holdfast isolation begin: removed at cut-over"
	blockEnd     = "# holdfast isolation end"
	isolatedHBA  = "holdfast_isolated_hba.conf"
	autoConf     = "postgresql.auto.conf"
	maxConfBytes = 16 << 20
)

// Configure prepares a restored, stopped data directory for isolated recovery.
// c.Port and c.SocketDir are its private ones. Running it twice gives the same
// files; a directory that has already recovered (no backup_label, no signal
// file, and marked as configured) is left alone. Errors: Unsafe when its server
// is not proved dead, InvalidInput.
func Configure(ctx context.Context, c *cluster.Cluster, config Config) error {
	if err := config.check(c); err != nil {
		return err
	}
	if err := c.RequireStopped(ctx); err != nil {
		return err
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	if err := config.files(c); err != nil {
		return err
	}
	return replaceBlock(c, config.block(c, identity))
}

func (config Config) check(c *cluster.Cluster) error {
	if err := config.Target.check(); err != nil {
		return err
	}
	if config.RestoreCommand == "" {
		return failure.Invalid("restore_command", "must be given")
	}
	if c.Port == 0 || !filepath.IsAbs(c.SocketDir) {
		return failure.Invalid("cluster", "an isolated cluster needs a port and a private socket directory")
	}
	for name := range config.Settings {
		if _, fixed := isolation(c, pg.NewestMajor)[name]; fixed {
			return failure.New(failure.Refused, "setting %s belongs to the isolation", name)
		}
	}
	return nil
}

// files writes what recovery needs beside the settings. Debian keeps
// postgresql.conf elsewhere; a restored directory then starts with an empty one.
func (config Config) files(c *cluster.Cluster) error {
	owner := c.Programs.Owner
	if err := owner.MkdirAll(c.SocketDir); err != nil {
		return err
	}
	for _, name := range []string{"postgresql.conf", "pg_ident.conf", "pg_hba.conf"} {
		if _, err := os.Lstat(filepath.Join(c.DataDir, name)); os.IsNotExist(err) {
			if err := owner.WriteFile(filepath.Join(c.DataDir, name), nil, 0o600); err != nil {
				return err
			}
		}
	}
	super := config.Superuser
	if super == "" {
		super = "postgres"
	}
	// md5 accepts both kinds of stored passwords.
	rules := "local all \"" + strings.ReplaceAll(super, `"`, `""`) + "\" trust\nlocal replication all reject\n" +
		"local all all md5\n" //nolint:dupword // pg_hba.conf: any database, any role
	if err := owner.WriteFile(filepath.Join(c.DataDir, isolatedHBA), []byte(rules), 0o600); err != nil {
		return err
	}
	for _, signal := range []string{recoverySignal, standbySignal} {
		path := filepath.Join(c.DataDir, signal)
		if signal == config.Target.signal() {
			if err := owner.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			continue
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return pg.ClassifyFile(err, "remove %s", path)
		}
	}
	return nil
}

// isolation are the settings nobody may undo.
func isolation(c *cluster.Cluster, major pg.Major) map[string]string {
	settings := map[string]string{
		"archive_mode": "off", "archive_command": "", "primary_conninfo": "", "primary_slot_name": "",
		"listen_addresses": "", "port": strconv.Itoa(c.Port), "unix_socket_directories": c.SocketDir,
		"hba_file": filepath.Join(c.DataDir, isolatedHBA), "ssl": "off", "synchronous_standby_names": "",
		"archive_cleanup_command": "", "recovery_end_command": "", "external_pid_file": "",
		"logging_collector": "off", "log_destination": "stderr", "lc_messages": "C", "log_timezone": "UTC",
		"log_min_messages": "warning", "log_error_verbosity": "default", "hot_standby": "on", "hot_standby_feedback": "off",
		// Whether a target was reached is read there, and thousands of checks are asked.
		"log_connections": "off", "log_disconnections": "off", "log_duration": "off", "log_statement": "none",
		"log_min_duration_statement": "-1", "log_min_duration_sample": "-1", "log_transaction_sample_rate": "0",
		// A promoted copy would advance its origin's slots at the publishers.
		"max_logical_replication_workers": "0",
	}
	if major >= 15 {
		settings["archive_library"] = ""
	}
	return settings
}

// block is the text of all settings, the isolation last so that it wins.
// Source of the minimums: PostgreSQL documentation, "Hot Standby".
func (config Config) block(c *cluster.Cluster, identity cluster.Identity) string {
	settings := map[string]string{
		"shared_preload_libraries":  "", // a library missing on this host must not stop a recovery
		"max_connections":           strconv.Itoa(identity.Minimums.MaxConnections),
		"max_worker_processes":      strconv.Itoa(identity.Minimums.MaxWorkerProcesses),
		"max_wal_senders":           strconv.Itoa(identity.Minimums.MaxWalSenders),
		"max_prepared_transactions": strconv.Itoa(identity.Minimums.MaxPreparedXacts),
		"max_locks_per_transaction": strconv.Itoa(identity.Minimums.MaxLocksPerXact),
	}
	maps.Copy(settings, config.Settings)
	maps.Copy(settings, config.Target.settings())
	settings["restore_command"] = config.RestoreCommand
	maps.Copy(settings, isolation(c, identity.Major))
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		text.WriteString(name + " = '" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(settings[name]) + "'\n")
	}
	return text.String()
}

// Release takes the isolation out of a stopped cluster: it starts with its own
// settings again. Without the block nothing changes, so twice is harmless.
func Release(ctx context.Context, c *cluster.Cluster, want cluster.Expected) error {
	if _, err := c.Require(ctx, want); err != nil {
		return err
	}
	if err := c.RequireStopped(ctx); err != nil {
		return err
	}
	if err := queueHistory(ctx, c); err != nil {
		return err
	}
	return replaceBlock(c, "")
}

// requireIsolated is Refused where Configure's settings are not, or not any more.
func requireIsolated(c *cluster.Cluster) error {
	content, err := pg.ReadSmall(filepath.Join(c.DataDir, autoConf), maxConfBytes)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return err
	}
	if _, rest, begun := strings.Cut(string(content), blockBegin+"\n"); begun && strings.Contains(rest, blockEnd+"\n") {
		return nil
	}
	return failure.New(failure.Refused, "not starting %s to recover: its settings do not isolate it", c.DataDir).
		WithHint("see what it is: pg_controldata -D %s; a restored directory is configured by replaying it", c.DataDir)
}

// replaceBlock swaps the marked block of postgresql.auto.conf for text.
func replaceBlock(c *cluster.Cluster, text string) error {
	path := filepath.Join(c.DataDir, autoConf)
	content, err := pg.ReadSmall(path, maxConfBytes)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return err
	}
	before, rest, found := strings.Cut(string(content), blockBegin+"\n")
	after := ""
	if found {
		_, after, _ = strings.Cut(rest, blockEnd+"\n")
	}
	kept := before + after
	if text != "" {
		if kept != "" && !strings.HasSuffix(kept, "\n") {
			kept += "\n"
		}
		kept += blockBegin + "\n" + text + blockEnd + "\n"
	}
	return c.Programs.Owner.WriteFile(path, []byte(kept), 0o600)
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
