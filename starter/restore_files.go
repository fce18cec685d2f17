package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

// restoring is one restore under way.
type restoring struct {
	*app
	shelf
	flags restoration
	keys  keyring.KeySource

	set       recovery.SetSummary
	choice    *recovery.Choice // nil: files only
	workspace restore.Workspace
	owner     pg.Owner
	out       restoredOut
}

// run restores, judges, and replays where there is a target.
func (r *restoring) run(ctx context.Context, target *recovery.Target) error {
	if err := r.choose(ctx, target); err != nil {
		return err
	}
	r.out = restoredOut{Database: r.database.Name, Set: r.set.ID, Choice: r.choice, Repairs: []string{}}
	if r.flags.inPlace {
		return r.inPlace(ctx)
	}
	if err := r.beside(ctx); err != nil {
		return err
	}
	c, err := r.cluster()
	if err != nil {
		return err
	}
	if err := r.judge(ctx, c, filepath.Join(r.workspace.Dir, judgedFile)); err != nil || r.choice == nil {
		return err
	}
	return r.replay(ctx)
}

// choose finds the set, and with a target the proved way to it.
func (r *restoring) choose(ctx context.Context, target *recovery.Target) error {
	listing, err := archive.List(ctx, r.stores, r.database.Name, r.trust)
	if err != nil {
		return err
	}
	from, err := r.pick(listing)
	if err != nil {
		return err
	}
	summary, isPostgres := catalog.Summarize(from)
	if !isPostgres {
		return failure.Invalid("--set", "set %s is no PostgreSQL base backup", from.Descriptor.Set)
	}
	r.set = summary
	if target == nil {
		return nil
	}
	return r.prove(ctx, *target, summary)
}

// pick returns the set that --set names, else the newest one: it says which
// cluster is meant.
func (r *restoring) pick(listing *archive.Listing) (archive.Set, error) {
	if r.flags.set == "" {
		if set, found := newest(listing); found {
			return set, nil
		}
		return archive.Set{}, failure.New(failure.NotFound, "no set of database %s is in any store that answers", r.database.Name).
			WithHint("starter backup list --database %s", r.database.Name)
	}
	for _, set := range listing.Sets {
		if string(set.Descriptor.Set) == r.flags.set {
			return set, nil
		}
	}
	return archive.Set{}, failure.New(failure.NotFound, "set %.80q of database %s is in no store that answers", r.flags.set, r.database.Name).
		WithHint("starter backup list --database %s", r.database.Name)
}

func (r *restoring) prove(ctx context.Context, target recovery.Target, named recovery.SetSummary) error {
	survey, err := catalog.Take(ctx, r.shelves(), named.SystemID)
	if err != nil {
		return err
	}
	sets := survey.Sets
	if r.flags.set != "" {
		sets = []recovery.SetSummary{named}
	}
	points, err := catalog.Points(ctx, r.stores, r.database.Name)
	if err != nil {
		return err
	}
	choice, err := recovery.Choose(recovery.Question{
		Target: target, SystemID: named.SystemID, Sets: sets, WAL: survey.WAL, Heartbeats: survey.Heartbeats,
		RestorePoints: points, Now: time.Now().UTC(),
	})
	r.choice, r.set = &choice, choice.Set
	return err
}

// name ties a workspace to what is restored into it: the same command goes on,
// another one is refused.
func (r *restoring) name() string {
	name := "starter-" + r.set.ID
	if r.choice != nil {
		digest := store.DigestOf([]byte(r.choice.Target.String() + "/" + strconv.Itoa(int(r.choice.TargetTimeline))))
		name += "-" + digest.String()[:8]
	}
	return name
}

func (r *restoring) archive(bar *progress) archive.RestoreConfig {
	return archive.RestoreConfig{
		Stores: r.stores, Source: r.database.Name, SetID: archive.SetID(r.set.ID), Trusted: r.trust, Keys: r.keys, Progress: bar.archive,
		ReadBack: true,
	}
}

func (r *restoring) beside(ctx context.Context) error {
	dir, err := filepath.Abs(r.flags.to)
	if err != nil {
		return failure.Invalid("--to", "%s", err)
	}
	if r.owner, err = ownerFor(r.database.OSUser); err != nil {
		return err
	}
	if r.workspace, err = restore.Prepare(r.owner, dir, r.name(), r.set.SizeBytes); err != nil {
		return err
	}
	bar := r.progress("restore " + r.set.ID)
	restored, err := restore.Beside(ctx, r.workspace, restore.Config{Archive: r.archive(bar), Owner: r.owner})
	bar.end()
	r.took(restored)
	r.out.Next = []string{
		"the files are in " + restored.DataDir + "; to bring a server up from them: starter backup restore --latest --to " + dir + ".recovered",
	}
	return err
}

func (r *restoring) took(restored restore.Restored) {
	r.out.DataDir, r.out.Incarnation, r.out.Tablespaces, r.out.Again = restored.DataDir, restored.Incarnation, restored.Tablespaces, restored.Again
	r.out.BytesWritten, r.out.BytesKept = restored.Archive.BytesWritten, restored.Archive.BytesKept
	for _, one := range restored.Archive.Repairs {
		r.out.Repairs = append(r.out.Repairs, fmt.Sprintf("%s: %s, taken from %s instead of %s", one.Object, one.Reason, one.Good, one.Bad))
	}
}

// ownerFor is who the restored files belong to. As root that is the user that
// runs the database's server; else nobody but this one can be given anything.
func ownerFor(name string) (pg.Owner, error) {
	self := pg.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if !self.Switches() {
		return self, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		return self, failure.Wrap(failure.NotFound, err, "find user %.60q, who runs the plan's server, on this host", name)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return self, failure.Wrap(failure.Internal, err, "read the user ID of %s", name)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	return pg.Owner{UID: uint32(uid), GID: uint32(gid)}, failure.Wrap(failure.Internal, err, "read the group ID of %s", name)
}

// cluster opens the restored directory.
func (r *restoring) cluster() (*cluster.Cluster, error) {
	binDir := r.flags.binDir
	if host, err := binding.DatabaseHost(r.database, r.flags.host.name); binDir == "" && err == nil {
		binDir = host.BinDir
	}
	return cluster.Open(cluster.Config{
		DataDir: r.workspace.DataDir(), BinDir: binDir, SocketDir: r.workspace.SocketDir(), Port: r.flags.port,
	})
}

// judgedFile lies in a workspace whose files were judged sound, and says by what.
const judgedFile = "judged"

// judge has pg_verifybackup look at the files before a server changes them. Started
// once, they are no longer what the backup's manifest says: so a verdict is kept in
// record, and an earlier call's restore counts only with the verdict of that call.
// An empty record keeps none, and judges every time.
func (r *restoring) judge(ctx context.Context, c *cluster.Cluster, record string) error {
	if r.out.Again && record != "" {
		tool, err := pg.ReadSmall(record, 4096)
		if !failure.Is(err, failure.NotFound) {
			r.out.Judged = strings.TrimSpace(string(tool))
			return err
		}
	}
	verdict, err := verify.RestoredBackup(ctx, c, !r.out.Again)
	if err != nil {
		return err
	}
	if err := verdict.Must(); err != nil {
		return err
	}
	r.out.Judged = verdict.Tool
	if record == "" {
		return nil
	}
	return r.owner.WriteFile(record, []byte(verdict.Tool+"\n"), 0o600)
}

func (r *restoring) inPlace(ctx context.Context) error {
	target, err := serverOn(r.database, r.flags.host.name)
	if err != nil {
		return err
	}
	identity, err := target.cluster.Identity(ctx)
	want := cluster.Expected{SystemID: r.set.SystemID, AnyIncarnation: true}
	if err == nil {
		want = cluster.Of(identity)
	}
	// An earlier call that was interrupted left no readable identity; it asked.
	if err == nil && !r.flags.yes {
		if err := r.confirm(fmt.Sprintf("Overwrite %s on host %s (system %s, timeline %d, %s) with set %s?", target.host.DataDir,
			target.host.Host, identity.SystemID, identity.Timeline, identity.State, r.set.ID)); err != nil {
			return err
		}
	}
	run, err := restore.InPlaceRun(target.host.DataDir, r.name())
	if err != nil {
		return err
	}
	bar := r.progress("restore " + r.set.ID + " in place")
	restored, err := restore.InPlace(ctx, target.cluster, want, r.flags.permission, run,
		restore.Config{Archive: r.archive(bar), Owner: target.cluster.Programs.Owner})
	bar.end()
	r.took(restored)
	if err != nil {
		return err
	}
	r.out.Next = []string{
		"touch " + filepath.Join(restored.DataDir, "recovery.signal") + ", set restore_command to: wal --config FILE fetch %f %p, and start the server",
	}
	return r.judge(ctx, target.cluster, "")
}

func (a *app) printRestored(out restoredOut) error {
	return a.print(out, func(w *tabwriter.Writer) {
		again := ""
		if out.Again {
			again = "(an earlier call had restored it)"
		}
		fmt.Fprintf(w, "%s set\t%s\n", a.color(green, "✓"), out.Set)
		fmt.Fprintf(w, "restored to\t%s %s\n", out.DataDir, again)
		fmt.Fprintf(w, "written\t%s, kept %s\n", bytesText(out.BytesWritten), bytesText(out.BytesKept))
		if out.Judged != "" {
			fmt.Fprintf(w, "judged sound by\t%s\n", out.Judged)
		}
		for _, repair := range out.Repairs {
			fmt.Fprintf(w, "%s %s\n", a.color(yellow, "!"), repair)
		}
		if out.Reached != nil {
			fmt.Fprintf(w, "asked for\t%s\n", out.Choice.Target)
			fmt.Fprintf(w, "reached\t%s on timeline %d, last commit %s\n", out.Reached.LSN, out.Reached.Timeline, timeOrUnknown(out.Reached.LastCommitTime))
		}
		fmt.Fprintf(w, "took\t%s\n", out.Took.Round(10*time.Millisecond))
		for _, next := range out.Next {
			fmt.Fprintf(w, "%s\t%s\n", a.color(bold, "next:"), next)
		}
	})
}

func timeOrUnknown(at time.Time) string {
	if at.IsZero() {
		return "unknown"
	}
	return at.UTC().Format(time.RFC3339Nano)
}
