package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/basebackup"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// creation are the flags of `backup create`.
type creation struct {
	database, set    string
	host             hostFlags
	signer, stateDir string
	full, spread     bool
	archiveWait      time.Duration
}

func (a *app) backupCreate() *cobra.Command {
	var c creation
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a base backup of this host's server",
		Long: `Makes a base backup of the PostgreSQL server on this host and writes it to every
store of the plan at once, encrypted to the plan's recipients and signed with
this host's key. Unchanged data is referred to, not stored again, unless --full.

It must run on the host itself, as a user that may read the data directory. The
set becomes visible only when the WAL it needs is in a store. A set that was
interrupted goes on where it was: name it again with --set.`,
		Example: `  starter backup create --database research --host db-1 --signer /etc/holdfast/signer.asc
  starter backup create --database research --host db-1 --signer /etc/holdfast/signer.asc --full -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.createBackup(cmd.Context(), c) },
	}
	flags := command.Flags()
	flags.StringVar(&c.database, "database", "", "database, as the plan names it")
	c.host.bind(flags)
	flags.StringVar(&c.signer, "signer", os.Getenv("HOLDFAST_SIGNER"), "this host's private signing key (default $HOLDFAST_SIGNER)")
	flags.StringVar(&c.stateDir, "state-dir", defaultStateDir, "where this host keeps its index of earlier sets")
	flags.BoolVar(&c.full, "full", false, "store everything again instead of what changed")
	flags.StringVar(&c.set, "set", "", "go on with this interrupted set")
	flags.BoolVar(&c.spread, "spread-checkpoint", false, "wait for a gentle checkpoint instead of an immediate one")
	flags.DurationVar(&c.archiveWait, "archive-wait", 10*time.Minute, "how long to wait for the set's WAL to reach a store")
	return command
}

// created is what `backup create -o json` prints.
type created struct {
	Set         recovery.SetSummary `json:"set"`
	Resumed     bool                `json:"resumed,omitempty"`
	ReusedBytes int64               `json:"reused_bytes"`
	FullReason  string              `json:"full_reason,omitempty"` // why an incremental became a full
	Took        time.Duration       `json:"took_ns"`
	StoreErrors map[string]string   `json:"store_errors,omitempty"` // stores that fell out; the set is not in them
}

// createBackup makes a set. Run twice it makes two sets, the second nearly free;
// with --set the same one is completed.
func (a *app) createBackup(ctx context.Context, c creation) error {
	if c.signer == "" {
		return missingFlag("signer", "name this host's signing key: --signer FILE; starter key generate --host NAME makes one")
	}
	s, err := a.openShelf(ctx, c.database)
	if err != nil {
		return err
	}
	target, err := serverOn(s.database, c.host.name)
	if err != nil {
		return s.done(err)
	}
	config, err := c.config(ctx, s, target)
	if err != nil {
		return s.done(err)
	}
	bar := a.progress("back up " + s.database.Name)
	config.Archive.Progress = bar.archive
	result, err := basebackup.Run(ctx, config)
	bar.end()
	if err != nil {
		return s.done(resumable(err, c, config.Archive.SetID))
	}
	return s.done(a.printCreated(createdOf(result)))
}

// resumable says how to go on with the parts that are stored already.
func resumable(err error, c creation, set archive.SetID) error {
	return failure.New(failure.ClassOf(err), "make set %s: %s", set, err).
		WithHint("starter backup create --database %s --host %s --set %s goes on where it stopped", c.database, c.host.name, set)
}

func (c creation) config(ctx context.Context, s shelf, target server) (basebackup.Config, error) {
	report := inspect.Inspect(ctx, target.pg)
	if report.Reach != inspect.Reachable {
		return basebackup.Config{}, failure.New(failure.Unavailable, "reach %s: %s", target.pg, report.Reason).
			WithHint("starter plan check --plan %s --live", s.plan.Name())
	}
	marker, err := target.cluster.Enroll()
	if err != nil {
		return basebackup.Config{}, err
	}
	settings, err := c.archiveConfig(s, report.SizeBytes)
	if err != nil {
		return basebackup.Config{}, err
	}
	where := walship.Cluster{Source: s.database.Name, SystemID: report.SystemID, Stores: s.stores}
	identity, err := target.cluster.Identity(ctx)
	if err != nil {
		return basebackup.Config{}, err
	}
	where.SegmentSize = identity.SegmentSize
	return basebackup.Config{
		Cluster: target.cluster, Server: target.pg, Archive: settings, SpreadCheckpoint: c.spread,
		Expect:       cluster.Expected{SystemID: report.SystemID, Incarnation: marker.Incarnation},
		WaitArchived: archived{cluster: where, from: report.LSN, patience: c.archiveWait}.wait,
	}, nil
}

func (c creation) archiveConfig(s shelf, sizeBytes int64) (archive.Config, error) {
	recipients, err := binding.Recipients(s.plan)
	if err != nil {
		return archive.Config{}, err
	}
	file, err := filepath.Abs(c.signer)
	if err != nil {
		return archive.Config{}, failure.Invalid("--signer", "%s", err)
	}
	signer, err := binding.Signer(file)
	if err != nil {
		return archive.Config{}, err
	}
	kind := archive.Incremental
	if c.full {
		kind = archive.Full
	}
	set := archive.NewSetID(time.Now().UTC(), kind)
	if c.set != "" {
		if set, err = archive.ParseSetID(c.set); err != nil {
			return archive.Config{}, err
		}
	}
	state := filepath.Join(c.stateDir, s.database.Name)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return archive.Config{}, failure.New(failure.Forbidden, "make the state directory: %s", err).WithHint("--state-dir DIR")
	}
	mode := keyring.CFB
	if s.plan.Encryption.AEAD {
		mode = keyring.GCM
	}
	rules := s.database.Backup
	return archive.Config{
		Source: s.database.Name, SetID: set, Kind: kind, Stores: s.stores, StateDir: state,
		Recipients: recipients, Mode: mode, Signer: signer, Trusted: s.trust,
		MaxIncrements: rules.MaxIncrements, MaxChainAge: rules.FullInterval.Std(),
		RetainUntil: binding.RetainUntil(s.plan, time.Now().UTC()), ReadBytesPerSecond: int64(rules.ThrottlePerSecond), TotalBytes: sizeBytes,
	}, nil
}

const archivePoll = 500 * time.Millisecond

// archived proves that the WAL a backup needs is in the stores.
type archived struct {
	cluster  walship.Cluster
	from     wal.LSN // at or before the backup's start
	patience time.Duration
}

// wait asks the stores until every segment is there. What is not there yet is a
// gap or a silent store; both are asked again until patience ends.
func (a archived) wait(ctx context.Context, timeline wal.Timeline, until wal.LSN) error {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	size := a.cluster.SegmentSize
	needed := wal.Range{Timeline: timeline, First: size.SegmentAt(timeline, a.from).Number, Last: size.SegmentAt(timeline, until-1).Number}
	var last error
	err := pg.Poll(ctx, "WAL to be archived", archivePoll, func(ctx context.Context) (bool, error) {
		_, last = walship.Prove(ctx, a.cluster, []wal.Range{needed})
		if last == nil {
			return true, nil
		}
		if failure.Is(last, failure.WALGap) || failure.Is(last, failure.Unavailable) {
			return false, nil
		}
		return false, last
	})
	if err != nil && last != nil {
		return failure.New(failure.WALGap, "the set's WAL is not in a store after %s: %s", a.patience, last).
			WithHint("SELECT * FROM pg_stat_archiver; wal status")
	}
	return err
}

func createdOf(result basebackup.Result) created {
	set := archive.Set{Descriptor: result.Descriptor, Copies: map[string]archive.Copy{}}
	for name := range result.Descriptor.StoreTimes {
		set.Copies[name] = archive.Copy{}
	}
	summary, _ := catalog.Summarize(set)
	return created{
		Set: summary, Resumed: result.Resumed, ReusedBytes: result.Descriptor.Totals.ReusedBytes,
		FullReason: result.Descriptor.FullReason, Took: result.Took, StoreErrors: result.Stats.StoreErrors,
	}
}

func (a *app) printCreated(out created) error {
	err := a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s set\t%s\n", a.color(green, "✓"), out.Set.ID)
		fmt.Fprintf(w, "kind\t%s%s\n", out.Set.Kind, inBrackets(out.FullReason))
		fmt.Fprintf(w, "WAL needed\t%s to %s on timeline %d\n", out.Set.StartLSN, out.Set.StopLSN, out.Set.Timeline)
		fmt.Fprintf(w, "size\t%s, of which %s were stored before\n", bytesText(out.Set.SizeBytes), bytesText(out.ReusedBytes))
		fmt.Fprintf(w, "stores\t%v\n", out.Set.Stores)
		fmt.Fprintf(w, "took\t%s\n", out.Took.Round(10*time.Millisecond))
	})
	switch {
	case err != nil:
		return err
	case out.Set.Damaged:
		return failure.New(failure.Corrupt, "the database itself holds bad pages, and so does set %s: %s", out.Set.ID, out.Set.DamageNote).
			WithHint("starter run database-corruption --help; keep the sets made before")
	case len(out.StoreErrors) > 0:
		return failure.New(failure.Unavailable, "set %s is not in every store: %v", out.Set.ID, out.StoreErrors).
			WithHint("starter backup create --set %s completes it", out.Set.ID)
	}
	return nil
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
