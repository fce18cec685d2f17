package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

const maxReportBytes = 64 << 20

// fetching are the flags of `report`.
type fetching struct {
	run, firstRun, out, format string
}

func (a *app) reportCommand() *cobra.Command {
	var f fetching
	command := &cobra.Command{
		Use:   "report",
		Short: "Fetch a run's report from the stores",
		Long: `Fetches the report of a finished run, recovered or not, from every store of the
plan. Where Temporal answers, each copy is compared with the digest that the run
itself recorded; where it does not, that is said, and the copies are compared with
one another. A difference ends with exit status 8 (Corrupt) and names both.

Without --out the report is printed.`,
		Example: `  starter report --run recover/database --format md
  starter report --run recover/database --out /tmp/report --format html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.fetchReport(cmd.Context(), f) },
	}
	flags := command.Flags()
	flags.StringVar(&f.run, "run", "", "workflow ID of the run, as in recover/SERVICE (required)")
	flags.StringVar(&f.firstRun, "first-run-id", "", "which of the workflow's runs, where there are several")
	flags.StringVar(&f.out, "out", "", "directory to write the file to; made when missing")
	flags.StringVar(&f.format, "format", "md", "md, html or json")
	mustComplete(command.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"md", "html", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return command
}

// fetched is what `report -o json` prints.
type fetched struct {
	Run      evidence.Run `json:"run"`
	Object   string       `json:"object"`
	SHA256   string       `json:"sha256"`
	Compared bool         `json:"compared"`      // with the digest the run recorded
	Why      string       `json:"why,omitempty"` // why not
	File     string       `json:"file,omitempty"`
	Text     string       `json:"text,omitempty"` // without --out

	Copies []copyOut `json:"copies"` // in each store
}

func (a *app) fetchReport(ctx context.Context, f fetching) error {
	if f.run == "" {
		return missingFlag("run", "starter status lists the runs")
	}
	if f.format != "md" && f.format != "html" && f.format != "json" {
		return failure.Invalid("--format", "%.20q is not md, html or json", f.format)
	}
	loaded, err := a.loadPlan()
	if err != nil {
		return err
	}
	stores, closeAll, err := binding.Stores(ctx, loaded)
	if err != nil {
		return err
	}
	s := shelf{plan: loaded, stores: stores, close: closeAll}
	out, body, differs := f.fetch(ctx, s)
	if body == nil {
		return s.done(differs)
	}
	if f.out != "" {
		if err := out.keep(f, body); err != nil {
			return s.done(err)
		}
	} else {
		out.Text = string(body)
	}
	return s.done(errors.Join(a.printFetched(out), differs))
}

func (f fetching) fetch(ctx context.Context, s shelf) (fetched, []byte, error) {
	run, err := f.pick(ctx, s)
	if err != nil {
		return fetched{}, nil, err
	}
	out := fetched{Run: run, Object: run.Folder() + "report/report." + f.format}
	digests, err := recordedDigests(ctx, run)
	want := digests[out.Object]
	switch {
	case err != nil:
		out.Why = firstLine(err.Error())
	case want.IsZero():
		out.Why = "the run recorded no digest for it"
	}
	out.Copies = readCopies(ctx, s.stores, out.Object)
	body, err := genuine(f.run, out.Copies, want)
	if body != nil {
		out.Compared, out.SHA256 = !want.IsZero(), store.DigestOf(body).String()
	}
	return out, body, err
}

// pick returns the run that is named, or the only one.
func (f fetching) pick(ctx context.Context, s shelf) (evidence.Run, error) {
	run := evidence.Run{WorkflowID: f.run, FirstRunID: f.firstRun}
	if f.firstRun != "" {
		return run, nil
	}
	runs, err := firstRuns(ctx, s.stores, f.run)
	if err != nil {
		return run, err
	}
	switch len(runs) {
	case 0:
		return run, failure.New(failure.NotFound, "the stores hold no record of a run %s", f.run).WithHint("starter status lists the runs")
	case 1:
		run.FirstRunID = runs[0]
		return run, nil
	}
	return run, failure.Invalid("--first-run-id", "is needed: %s ran %d times: %q", f.run, len(runs), runs).
		WithHint("starter report --run %s --first-run-id %s", shownWord(f.run), runs[len(runs)-1])
}

// recordedDigests asks Temporal for what the run wrote.
func recordedDigests(ctx context.Context, run evidence.Run) (map[string]store.Digest, error) {
	temporal, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	defer temporal.Close()
	var result struct {
		Report *reporting.Written `json:"report"`
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ended := temporal.GetWorkflow(ctx, run.WorkflowID, run.FirstRunID)
	var failed *sdk.WorkflowExecutionError
	if err := ended.Get(ctx, &result); errors.As(err, &failed) { // it has no result; a worker knows
		return queriedDigests(ctx, temporal, run.WorkflowID, ended.GetRunID())
	} else if err != nil {
		return nil, served(err, run.WorkflowID)
	}
	if result.Report == nil {
		return nil, failure.New(failure.NotFound, "run %s ended without a report", run.WorkflowID)
	}
	return result.Report.Digests, nil
}

// queriedDigests asks a worker for what a run wrote that ended with an error.
func queriedDigests(ctx context.Context, temporal client.Client, workflowID, runID string) (map[string]store.Digest, error) {
	var written reporting.Written
	answer, err := temporal.QueryWorkflow(ctx, workflowID, runID, databasecorruption.QueryReport)
	if err == nil {
		err = answer.Get(&written)
	}
	return written.Digests, served(err, workflowID)
}

// keep writes the file anew; one that is there is not overwritten.
func (out *fetched) keep(f fetching, body []byte) error {
	if err := os.MkdirAll(f.out, 0o750); err != nil {
		return failure.Wrap(failure.Forbidden, err, "make %s", f.out)
	}
	out.File = filepath.Join(f.out, "report."+f.format)
	return createFile(out.File, string(body), 0o640)
}

func (a *app) printFetched(out fetched) error {
	if !out.Compared && a.format != formatJSON {
		fmt.Fprintf(a.err, "%s not compared with the run's own digest: %s\n", a.alert(yellow, "!"), out.Why)
	}
	for _, one := range out.Copies {
		if one.Error != "" && a.format != formatJSON {
			fmt.Fprintf(a.err, "%s store %s does not give the report: %s\n", a.alert(yellow, "!"), one.Store, one.Error)
		}
	}
	if out.File == "" && a.format != formatJSON {
		_, err := io.WriteString(a.out, out.Text) // as it is: a table would realign it
		return failure.Wrap(failure.Unavailable, err, "print the report")
	}
	return a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s report\t%s\n", a.color(green, "✓"), out.File)
		fmt.Fprintf(w, "object\t%s\n", out.Object)
		fmt.Fprintf(w, "SHA-256\t%s\n", out.SHA256)
	})
}
