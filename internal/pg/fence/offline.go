package fence

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// hbaFile is the fence's pg_hba.conf in the data directory.
const hbaFile = "holdfast_fence_hba.conf"

// fenceMark ends each line of the fence in postgresql.auto.conf, until ALTER SYSTEM
// writes the file anew, without comments.
const fenceMark = " # holdfast fence"

const maxConfigBytes = 16 << 20

// Offline says where a fence of a stopped server lies.
type Offline struct {
	HBAFile  string `json:"hba_file"`  // made by the fence
	AutoConf string `json:"auto_conf"` // has the lines that point to it
	Line     string `json:"line"`      // or lines, without the last one's end
}

// Stopped keeps the application out of a server that is down: when it starts,
// pg_hba.conf rejects the roles first and otherwise says what it said before, and
// no subscription is applied.
// The server must be proved dead. Running it twice ends in the same files and
// the same record. The position of the last write is not known (LSN 0).
func Stopped(ctx context.Context, c *cluster.Cluster, want cluster.Expected, opts Options) (Fenced, error) {
	if err := opts.check(pg.Server{}); err != nil {
		return Fenced{}, err
	}
	if _, err := c.Require(ctx, want); err != nil {
		return Fenced{}, err
	}
	if err := c.RequireStopped(ctx); err != nil {
		return Fenced{}, err
	}
	record, found, err := Load(opts.RecordPath)
	if err != nil {
		return Fenced{}, err
	}
	if !found {
		record = Record{SystemID: want.SystemID, MadeAt: time.Now().UTC()}
	}
	if record.Offline == nil {
		fence := filepath.Join(c.DataDir, hbaFile)
		record.Offline = &Offline{
			HBAFile: fence, AutoConf: filepath.Join(c.DataDir, "postgresql.auto.conf"),
			Line: "hba_file = " + quoteLiteral(fence) + fenceMark + "\nmax_logical_replication_workers = 0" + fenceMark,
		}
		if err := save(opts.Owner, opts.RecordPath, record); err != nil {
			return Fenced{}, err
		}
	}
	return Fenced{At: time.Now().UTC(), Record: record}, bar(ctx, c, *record.Offline, opts)
}

// bar writes the fence's files; an automatic setting read last wins.
func bar(ctx context.Context, c *cluster.Cluster, offline Offline, opts Options) error {
	auto, err := pg.ReadSmall(offline.AutoConf, maxConfigBytes)
	if err != nil || strings.Contains(string(auto), offline.Line) {
		return err
	}
	prior, err := priorHBA(ctx, c)
	if err != nil {
		return err
	}
	var rules strings.Builder
	rules.WriteString("# Written by holdfast: the application is fenced.\n")
	for _, role := range opts.Roles {
		name := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
		rules.WriteString("local all " + name + " reject\nhost all " + name + " all reject\n")
	}
	rules.Write(prior)
	if err := opts.Owner.WriteFile(offline.HBAFile, []byte(rules.String()), 0o600); err != nil {
		return err
	}
	text := strings.TrimSuffix(string(auto), "\n") + "\n" + offline.Line + "\n"
	return opts.Owner.WriteFile(offline.AutoConf, []byte(text), 0o600)
}

// priorHBA reads the rules the server would use without the fence.
func priorHBA(ctx context.Context, c *cluster.Cluster) ([]byte, error) {
	args := []string{"-D", c.DataDir, "-C", "hba_file"}
	if c.ConfigFile != "" {
		args = append(args, "-c", "config_file="+c.ConfigFile)
	}
	out, err := c.Programs.Run(ctx, "postgres", args...)
	if err != nil {
		return nil, err
	}
	if err := out.Must(failure.Unknown, "ask where pg_hba.conf is"); err != nil {
		return nil, err
	}
	return pg.ReadSmall(strings.TrimSpace(out.Stdout), maxConfigBytes)
}

// LiftOffline removes the fence of Stopped. A server that was started meanwhile
// goes on and lets the application in again: it keeps the fence's file, which then
// holds the rules that were there before, and applies no subscription, until it is
// started anew without the fence's lines.
// Without a record, or a second time, nothing changes.
func LiftOffline(ctx context.Context, c *cluster.Cluster, want cluster.Expected, recordPath string) error {
	record, found, err := Load(recordPath)
	if err != nil || !found || record.Offline == nil {
		return err
	}
	if _, err := c.Require(ctx, want); err != nil {
		return err
	}
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == cluster.UnknownLife {
		return c.RequireStopped(ctx) // says why it is not known
	}
	if err := unbar(c, *record.Offline); err != nil {
		return err
	}
	if process.Life == cluster.Running {
		err = openRules(ctx, c, record.Offline.HBAFile)
	} else if err = os.Remove(record.Offline.HBAFile); os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		return pg.ClassifyFile(err, "remove the fence's rules")
	}
	record.Offline = nil
	if len(record.Roles) > 0 {
		return save(c.Programs.Owner, recordPath, record)
	}
	return remove(recordPath)
}

// unbar takes the fence's lines out.
func unbar(c *cluster.Cluster, offline Offline) error {
	auto, err := pg.ReadSmall(offline.AutoConf, maxConfigBytes)
	if err != nil {
		return err
	}
	text := Without(string(auto))
	if text == string(auto) {
		return nil
	}
	return c.Programs.Owner.WriteFile(offline.AutoConf, []byte(text), 0o600)
}

// Without returns a postgresql.auto.conf without the lines of a fence of Stopped. They
// are known also when ALTER SYSTEM, on a server that somebody started, has written the
// file anew: it drops comments and quotes every value, and keeps the order.
func Without(settings string) string {
	var kept strings.Builder
	fenced := false // the line before pointed to the fence's rules
	for line := range strings.Lines(settings) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		rules := name == "hba_file" && strings.Contains(value, "/"+hbaFile+"'")
		idle := name == "max_logical_replication_workers" && fenced && strings.Trim(value, "'") == "0"
		fenced = rules
		if !rules && !idle && !strings.HasSuffix(value, fenceMark) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// openRules puts the rules that were there before into the file that a running
// server reads, since hba_file itself changes only at a start, and makes it read
// them.
func openRules(ctx context.Context, c *cluster.Cluster, file string) error {
	prior, err := priorHBA(ctx, c)
	if err != nil {
		return err
	}
	text := "# Written by holdfast: the fence is lifted; nothing needs this file after the next start.\n" + string(prior)
	if err := c.Programs.Owner.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	out, err := c.Programs.Run(ctx, "pg_ctl", "reload", "-s", "-D", c.DataDir)
	if err != nil {
		return err
	}
	return out.Must(failure.Unavailable, "make the server read its rules")
}
