package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
)

// undoing are the flags of `undo`.
type undoing struct {
	run, firstRun, service string
	host                   hostFlags
	signer, stateDir       string
	yes, force, skipOthers bool
	reason                 string
	dryRun                 bool
}

func (a *app) undoCommand() *cobra.Command {
	var u undoing
	command := &cobra.Command{
		Use:   "undo",
		Short: "Undo what a run did and did not take back, without Temporal",
		Long: `Before a run does anything dangerous it writes down in the stores how to undo
it. undo reads what is still pending there, shows each record with its exact
target, asks, and carries it out on this host, last first, as the run itself would
have. It needs neither Temporal nor a worker: it is for a run that was
terminated, or whose server is gone.

While another holder has a live lease on the service nothing is undone: the run
is alive, and two of them would act. --force with --reason goes on all the same;
that and every outcome is recorded in the stores. Run again it does what is left.
--force also goes on with the stores that answer: what another one knows to be undone
is undone again, which changes nothing, and what was committed the host refuses.

Records of other hosts must be undone there, in the same order; --skip-others
goes past them, for a host that is gone for good.`,
		Example: `  starter undo --run recover/database --host db-1 --signer /etc/holdfast/signer.asc --dry-run
  starter undo --run recover/database --host db-1 --signer /etc/holdfast/signer.asc
  starter undo --run recover/database --host db-1 --force --reason "run terminated, its lease ends in 12 min"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.undo(cmd.Context(), u) },
	}
	flags := command.Flags()
	flags.StringVar(&u.run, "run", "", "workflow ID of the run, as in recover/SERVICE (required)")
	flags.StringVar(&u.firstRun, "first-run-id", "", "which of the workflow's runs, where several have something pending")
	flags.StringVar(&u.service, "service", "", "service whose lease is looked at (default: the last part of --run)")
	u.host.bind(flags)
	flags.StringVar(&u.signer, "signer", os.Getenv("HOLDFAST_SIGNER"), "this host's private signing key, where it holds a database (default $HOLDFAST_SIGNER)")
	flags.StringVar(&u.stateDir, "state-dir", defaultStateDir, "where this host keeps its state")
	flags.BoolVar(&u.dryRun, "dry-run", false, "show what is pending and do nothing")
	flags.BoolVarP(&u.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&u.force, "force", false, "go on although another holder has a live lease, or a store does not answer; needs --reason")
	flags.StringVar(&u.reason, "reason", "", "why, for the record")
	flags.BoolVar(&u.skipOthers, "skip-others", false, "go past records that belong to other hosts")
	return command
}

// pendingUndos is what undo found and, record by record, did.
type pendingUndos struct {
	Run     evidence.Run `json:"run"`
	Lease   leaseOut     `json:"lease"`
	Unread  string       `json:"unread,omitempty"` // why not every store was read
	Records []undoOut    `json:"records"`          // last registered first
}

// undoOut is one record of `undo -o json`.
type undoOut struct {
	evidence.UndoRecord

	Here    bool   `json:"here"`              // this host can do it
	Outcome string `json:"outcome,omitempty"` // undone, pending
	Error   string `json:"error,omitempty"`
}

const pendingStill = "pending"

func (a *app) undo(ctx context.Context, u undoing) error {
	if u.run == "" {
		return missingFlag("run", "starter status lists the runs; without Temporal: recover/SERVICE")
	}
	if u.force && u.reason == "" {
		return failure.Invalid("--reason", "is needed with --force").WithHint("--force --reason \"why nobody else is acting\"")
	}
	loaded, err := a.loadPlan()
	if err != nil {
		return err
	}
	if err := u.absolute(); err != nil {
		return err
	}
	set, err := activities.Assemble(ctx, activities.Config{
		Plan: loaded, Host: u.host.name, StateDir: u.stateDir, SignerFile: u.signer, WALProgram: besideSelf("wal"), Version: obs.Version(),
	})
	if err != nil {
		return err
	}
	s := shelf{plan: loaded, stores: set.Stores, close: set.Close}
	out, err := u.find(ctx, s)
	if err != nil {
		return s.done(err)
	}
	if len(out.Records) == 0 || u.dryRun {
		return s.done(a.print(out, func(w *tabwriter.Writer) { a.showPending(w, out) }))
	}
	if a.format != formatJSON {
		if err := a.print(out, func(w *tabwriter.Writer) { a.showPending(w, out) }); err != nil {
			return s.done(err)
		}
	}
	if err := a.permit(u, out); err != nil {
		return s.done(err)
	}
	err = a.carryOut(ctx, u, s.stores, set.Call, &out)
	if a.format == formatJSON {
		if printing := a.print(out, nil); err == nil {
			err = printing
		}
	}
	return s.done(err)
}

// absolute resolves the paths of the flags: PostgreSQL runs in another directory.
func (u *undoing) absolute() error {
	for flag, path := range map[string]*string{"signer": &u.signer, "state-dir": &u.stateDir} {
		if *path == "" {
			continue
		}
		resolved, err := filepath.Abs(*path)
		if err != nil {
			return failure.Invalid("--"+flag, "%s", err).WithHint("give an absolute path")
		}
		*path = resolved
	}
	return nil
}

// find reads what is pending of the one run that is meant.
func (u undoing) find(ctx context.Context, s shelf) (pendingUndos, error) {
	out := pendingUndos{Run: evidence.Run{WorkflowID: u.run, FirstRunID: u.firstRun}, Records: []undoOut{}}
	runs := []string{u.firstRun}
	if u.firstRun == "" {
		var err error
		if runs, err = firstRuns(ctx, s.stores, u.run); err != nil {
			return out, err
		}
	}
	if len(runs) == 0 {
		return out, failure.New(failure.NotFound, "the stores hold no record of a run %s", u.run).
			WithHint("starter status lists the runs; a run is named recover/SERVICE")
	}
	var with []string
	for _, run := range runs {
		records, err := evidence.Pending(ctx, s.stores, evidence.Run{WorkflowID: u.run, FirstRunID: run})
		if err != nil { // a store that does not answer may know that a record is done
			if !u.force || len(records) == 0 {
				return out, failure.New(failure.ClassOf(err), "%s", err).
					WithHint("wait until it answers: starter plan check --live; or go on with what the others know: --force --reason TEXT")
			}
			out.Unread = firstLine(err.Error())
		}
		if len(records) == 0 && len(runs) > 1 {
			continue
		}
		with = append(with, run)
		out.Run.FirstRunID, out.Records = run, u.mark(records)
	}
	if len(with) > 1 {
		return out, failure.Invalid("--first-run-id", "is needed: %d runs of %s have something pending: %q", len(with), u.run, with).
			WithHint("starter undo --run %s --first-run-id %s", shownWord(u.run), with[len(with)-1])
	}
	out.Lease = leaseOf(ctx, s.stores, u.leaseName(), out.Run)
	return out, nil
}

// mark says which records this host can do: its own, and those of the control
// queue, which any host can.
func (u undoing) mark(records []evidence.UndoRecord) []undoOut {
	marked := make([]undoOut, 0, len(records))
	for _, record := range records {
		queue := record.TaskQueue
		here := queue == "" || queue == controlQueue || u.host.name != "" && queue == "host."+u.host.name
		marked = append(marked, undoOut{UndoRecord: record, Here: here, Outcome: pendingStill})
	}
	return marked
}

// leaseName is the service of the run: of "recover/SERVICE" the last part.
func (u undoing) leaseName() string {
	if u.service != "" {
		return u.service
	}
	_, service, found := strings.Cut(u.run, "/")
	if !found {
		return u.run
	}
	return service
}

func (a *app) showPending(w *tabwriter.Writer, out pendingUndos) {
	fmt.Fprintf(w, "run\t%s, first run %s\n", out.Run.WorkflowID, out.Run.FirstRunID)
	fmt.Fprintf(w, "lease\t%s\n", out.Lease.Why)
	if out.Unread != "" {
		fmt.Fprintf(w, "%s\tnot every store was read: %s\n", a.color(yellow, "!"), out.Unread)
	}
	if len(out.Records) == 0 {
		fmt.Fprintf(w, "%s nothing is pending\n", a.color(green, "✓"))
	}
	for _, record := range out.Records {
		where := "any host"
		if record.TaskQueue != "" {
			where = record.TaskQueue
		}
		fmt.Fprintf(w, "\n%s\t%s\n", a.color(bold, fmt.Sprintf("%d. %s", record.Number, record.Title)), where)
		fmt.Fprintf(w, "  does\t%s\n", record.Activity)
		fmt.Fprintf(w, "  registered\t%s\n", record.At.UTC().Format(time.RFC3339))
		fmt.Fprintf(w, "  target\t%s\n", oneLine(record.Input))
	}
}

// hostOf says where a record must be undone.
func hostOf(record evidence.UndoRecord) string { return strings.TrimPrefix(record.TaskQueue, "host.") }
