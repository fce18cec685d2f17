package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// restoration are the flags of `backup restore`.
type restoration struct {
	database, set, to string
	targetTime        string
	targetLSN         string
	targetName        string
	latest            bool
	before            bool
	inPlace, delta    bool
	permission        restore.Permission
	host              hostFlags
	binDir, walTool   string
	port              int
	promote, yes      bool
	key               keyFlags
}

func (a *app) backupRestore() *cobra.Command {
	var r restoration
	command := &cobra.Command{
		Use:   "restore",
		Short: "Restore a set, and replay WAL to a target, without Temporal",
		Long: `Restores a set into a directory of its own, beside whatever else runs here, and
has PostgreSQL's own pg_verifybackup judge it. The workflow "run
database-corruption" is the usual way; this one is for the day when Temporal is
gone too.

With a target (--target-time, --target-lsn, --target-name or --latest) the set
that leads there is chosen unless --set names one, the WAL chain is proved first,
and a server is started in the directory, isolated: no TCP, no archiving. It
stands paused at the target, and where it stands is compared with what was asked.
--promote then ends recovery.

With --in-place --delta this host's own data directory is overwritten with the
set: the server must be stopped, its identity right, and either the set that
holds the damaged state named, or somebody named who accepts that there is no way
back. What is right on disk is kept.

Interrupted, run it again: it goes on where it stopped.`,
		Example: `  starter backup restore --database research --set 20260301T001122Z-f-0a1b2c3d --to /srv/restore/a --key recipient.asc
  starter backup restore --database research --target-time 2026-03-01T10:14:30Z --to /srv/restore/a --key recipient.asc
  starter backup restore --database research --set 20260301T001122Z-f-0a1b2c3d --in-place --delta --host db-1 \
      --damaged-copy 20260301T101622Z-f-9d8c7b6a --key recipient.asc`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.restoreBackup(cmd.Context(), r) },
	}
	r.bind(command)
	return command
}

func (r *restoration) bind(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&r.database, "database", "", "database, as the plan names it")
	flags.StringVar(&r.set, "set", "", "the set to restore (default: the one that leads to the target)")
	flags.StringVar(&r.to, "to", "", "directory to restore into; made when missing, else empty")
	flags.StringVar(&r.targetTime, "target-time", "", "replay WAL to this time, RFC 3339")
	flags.StringVar(&r.targetLSN, "target-lsn", "", "replay WAL to this position, as in 16/B374D848")
	flags.StringVar(&r.targetName, "target-name", "", "replay WAL to this restore point")
	flags.BoolVar(&r.latest, "latest", false, "replay everything that survived")
	flags.BoolVar(&r.before, "before", false, "stop just before the target time or position instead of just after it")
	flags.BoolVar(&r.promote, "promote", false, "end recovery once the target is reached")
	flags.BoolVar(&r.inPlace, "in-place", false, "overwrite this host's data directory; needs --delta, --host and a permission")
	flags.BoolVar(&r.delta, "delta", false, "with --in-place: keep what is right on disk, fetch the rest")
	flags.StringVar(&r.permission.LockedCopySet, "damaged-copy", "", "with --in-place: the set that holds the damaged state")
	flags.StringVar(&r.permission.NoRollbackAcknowledgedBy, "no-way-back", "", "with --in-place: who accepts that there is no way back")
	r.host.bind(flags)
	flags.StringVar(&r.binDir, "bin-dir", "", "PostgreSQL's programs (default: the plan's for --host, else found by version)")
	flags.StringVar(&r.walTool, "wal-program", "", "the wal program PostgreSQL fetches with (default: beside this program)")
	flags.IntVar(&r.port, "port", defaultAsidePort, "port that names the restored server's Unix socket")
	flags.BoolVarP(&r.yes, "yes", "y", false, "with --in-place: do not ask")
	r.key.bind(flags, "to open what is restored")
	command.MarkFlagsMutuallyExclusive("target-time", "target-lsn", "target-name", "latest")
	command.MarkFlagsMutuallyExclusive("to", "in-place")
	command.MarkFlagsOneRequired("to", "in-place")
	command.MarkFlagsRequiredTogether("in-place", "delta")
	command.MarkFlagsMutuallyExclusive("damaged-copy", "no-way-back")
}

// defaultAsidePort is no one's default: a client that forgets to name the socket
// does not meet the restored server by chance.
const defaultAsidePort = 5442

// target returns the recovery target, nil when only files are wanted.
func (r restoration) target() (*recovery.Target, error) {
	c := corruption{targetTime: r.targetTime, targetLSN: r.targetLSN, targetName: r.targetName, latest: r.latest}
	target, err := c.target()
	if target != nil && r.before {
		target.Inclusive = false
	}
	return target, err
}

// check refuses what cannot work before anything is opened.
func (r restoration) check(target *recovery.Target) error {
	switch {
	case target == nil && r.set == "":
		return missingFlag("set", "name a set (starter backup list), or a target: --target-time, --target-lsn, --target-name, --latest")
	case target == nil && r.promote:
		return failure.Invalid("--promote", "needs a target to recover to").WithHint("--latest --promote")
	case target != nil && r.inPlace:
		return failure.Invalid("--in-place", "restores files only: start the server with restore_command and the target afterwards, or restore beside with --to").
			WithHint("starter backup restore --help")
	}
	return nil
}

// restoredOut is what `backup restore -o json` prints.
type restoredOut struct {
	Database     string            `json:"database"`
	Set          string            `json:"set"`
	DataDir      string            `json:"data_dir"`
	Incarnation  string            `json:"incarnation"`
	Tablespaces  map[uint32]string `json:"tablespaces,omitempty"`
	Again        bool              `json:"again"` // an earlier call had restored the files
	BytesWritten int64             `json:"bytes_written"`
	BytesKept    int64             `json:"bytes_kept"`
	Repairs      []string          `json:"repairs"`          // objects taken from another store, and why
	Judged       string            `json:"judged,omitempty"` // by pg_verifybackup, with its version
	Choice       *recovery.Choice  `json:"choice,omitempty"`
	Reached      *recovery.Reached `json:"reached,omitempty"`
	Promoted     bool              `json:"promoted,omitempty"`
	Took         time.Duration     `json:"took_ns"`
	Next         []string          `json:"next"`
}

func (a *app) restoreBackup(ctx context.Context, r restoration) error {
	began := time.Now()
	target, err := r.target()
	if err != nil {
		return err
	}
	if err := r.check(target); err != nil {
		return err
	}
	keys, err := r.key.holder()
	if err != nil {
		return err
	}
	s, err := a.openShelf(ctx, r.database)
	if err != nil {
		return err
	}
	job := &restoring{app: a, shelf: s, flags: r, keys: keys}
	if err := job.run(ctx, target); err != nil {
		return s.done(err)
	}
	job.out.Took = time.Since(began)
	return s.done(a.printRestored(job.out))
}
