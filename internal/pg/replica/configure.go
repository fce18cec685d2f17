package replica

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

const (
	blockBegin = "# holdfast replica begin"
	blockEnd   = "# holdfast replica end"
)

// hostSettings belong to the host, not to the cluster. Their values are asked of
// the old replica's own configuration.
func hostSettings() []string {
	return []string{"port", "unix_socket_directories", "listen_addresses", "hba_file", "ident_file", "external_pid_file"}
}

// configure makes the copy a replica of this host: the old one's host settings
// and login rules, the primary's everything else, and where to stream from.
func (r *rebuild) configure(ctx context.Context, old *cluster.Cluster) error {
	building, err := r.config.at(r.config.buildingDir())
	if err != nil {
		return err
	}
	settings, err := r.settings(ctx, old, building)
	if err != nil {
		return err
	}
	for _, name := range []string{"pg_hba.conf", "pg_ident.conf"} {
		if err := copyFile(old, building, name); err != nil {
			return err
		}
	}
	owner := old.Programs.Owner
	path := filepath.Join(building.DataDir, autoConf)
	content, err := pg.ReadSmall(path, maxSmallBytes)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return err
	}
	if err := owner.WriteFile(path, []byte(withBlock(string(content), settings)), 0o600); err != nil {
		return err
	}
	return owner.WriteFile(filepath.Join(building.DataDir, standbySignal), nil, 0o600)
}

func (r *rebuild) settings(ctx context.Context, old, building *cluster.Cluster) (map[string]string, error) {
	settings := map[string]string{
		"primary_conninfo": r.upstreamConninfo(r.config.Slot), "primary_slot_name": r.config.Slot,
		"recovery_target_timeline": "latest", "hot_standby": "on",
	}
	for _, name := range hostSettings() {
		value, err := effective(ctx, old, name)
		if err != nil {
			return nil, err
		}
		// A path in the old directory means the same path once the copy is there.
		settings[name] = strings.Replace(value, old.DataDir+"/", r.config.dataDir()+"/", 1)
	}
	mode, err := effective(ctx, building, "archive_mode")
	if err != nil {
		return nil, err
	}
	if mode == "always" {
		settings["archive_mode"] = "on" // a replica that archives competes with its primary
	}
	if building.ConfigFile != "" {
		return settings, r.minimums(ctx, building, settings)
	}
	return settings, nil
}

// minimums: the host's own configuration file may allow less than the primary's,
// and a hot standby with less does not start.
func (r *rebuild) minimums(ctx context.Context, building *cluster.Cluster, settings map[string]string) error {
	identity, err := building.Identity(ctx)
	if err != nil {
		return err
	}
	m := identity.Minimums
	maps.Copy(settings, map[string]string{
		"max_connections": strconv.Itoa(m.MaxConnections), "max_worker_processes": strconv.Itoa(m.MaxWorkerProcesses),
		"max_wal_senders": strconv.Itoa(m.MaxWalSenders), "max_prepared_transactions": strconv.Itoa(m.MaxPreparedXacts),
		"max_locks_per_transaction": strconv.Itoa(m.MaxLocksPerXact),
	})
	return nil
}

// effective asks PostgreSQL itself which value a directory's configuration gives.
func effective(ctx context.Context, c *cluster.Cluster, name string) (string, error) {
	args := []string{"-D", c.DataDir, "-C", name, "-c", "data_directory=" + c.DataDir}
	if c.ConfigFile != "" {
		args = append(args, "-c", "config_file="+c.ConfigFile)
	}
	out, err := c.Programs.Run(ctx, "postgres", args...)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.Stdout, "\n"), out.Must(failure.Unknown, "ask for setting "+name+" of "+c.DataDir)
}

func copyFile(from, to *cluster.Cluster, name string) error {
	content, err := pg.ReadSmall(filepath.Join(from.DataDir, name), maxSmallBytes)
	if failure.Is(err, failure.NotFound) {
		return nil // it lies elsewhere, as on Debian
	}
	if err != nil {
		return err
	}
	return from.Programs.Owner.WriteFile(filepath.Join(to.DataDir, name), content, 0o600)
}

// withBlock drops an earlier block and the primary's own recovery settings, and
// adds the settings last, where they win.
func withBlock(text string, settings map[string]string) string {
	before, rest, found := strings.Cut(text, blockBegin+"\n")
	after := ""
	if found {
		_, after, _ = strings.Cut(rest, blockEnd+"\n")
	}
	var kept strings.Builder
	for line := range strings.Lines(before + after) {
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "recovery_target") {
			kept.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	kept.WriteString(blockBegin + "\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		kept.WriteString(name + " = '" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(settings[name]) + "'\n")
	}
	return kept.String() + blockEnd + "\n"
}
