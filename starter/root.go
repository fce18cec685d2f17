package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// streams are the process's standard streams, passed so that tests can watch them.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// app is what every command shares: where to print, and how.
type app struct {
	streams
	format   string // table or json
	planFile string
	noColor  bool
}

// run executes the command line and returns the exit status.
func run(ctx context.Context, args []string, std streams) int {
	a := &app{streams: std, format: formatAsked(args)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	if command, err := root.ExecuteContextC(ctx); err != nil {
		return a.report(err, command.CommandPath())
	}
	return 0
}

// formatAsked looks for the output format before the command line is read, so
// that a mistake in it is reported in that format too.
func formatAsked(args []string) string {
	for i, arg := range args {
		before := ""
		if i > 0 {
			before = args[i-1]
		}
		switch {
		case arg == "--":
			return formatTable
		case arg == "-o"+formatJSON, arg == "-o="+formatJSON, arg == "--output="+formatJSON,
			arg == formatJSON && (before == "-o" || before == "--output"):
			return formatJSON
		}
	}
	return formatTable
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Start, watch, approve and undo recovery runs",
		Long: `starter runs a disaster-recovery plan: it starts recovery runs, shows where they
stand, signs what people decide, manages backups and checks the plan itself.

Connection to Temporal comes from the environment or a profile, as for the
temporal CLI: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_*, TEMPORAL_API_KEY.`,
		Example: `  starter plan check deploy/plans/ai-scientist.yaml
  starter run database-corruption --service database --incident INC-2026-0042 --disrupted-at 2026-03-01T10:15:00Z
  starter status --run recover/database --watch
  starter approve --run recover/database --as commander --key ~/.ssh/id_ed25519
  starter backup list --database research -o json`,
		Version:           obs.Version(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFormat() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.format, "output", "o", a.format, "output format: table or json")
	flags.StringVar(&a.planFile, "plan", os.Getenv("HOLDFAST_PLAN"), "plan file (default $HOLDFAST_PLAN)")
	flags.BoolVar(&a.noColor, "no-color", os.Getenv("NO_COLOR") != "", "print without colour (default $NO_COLOR set)")
	root.AddGroup(a.groups()...)
	root.AddCommand(a.commands()...)
	root.SetFlagErrorFunc(badFlag)
	root.SetUsageTemplate(root.UsageTemplate() + "\nWhat the exit status means: starter help exit-codes\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	mustComplete(root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatJSON}, cobra.ShellCompDirectiveNoFileComp)))
	return root
}

// loadPlan reads the plan named by --plan.
func (a *app) loadPlan() (*plan.Plan, error) {
	if a.planFile == "" {
		return nil, missingFlag("plan", "name the plan file: --plan deploy/plans/ai-scientist.yaml, or set HOLDFAST_PLAN")
	}
	loaded, _, err := plan.Load(a.planFile)
	return loaded, noSuchPlan(err)
}

// noSuchPlan adds to a plan that is not there how to name one.
func noSuchPlan(err error) error {
	if failure.Is(err, failure.NotFound) && failure.HintOf(err) == "" {
		return failure.New(failure.NotFound, "%s", err).WithHint("--plan FILE, or set HOLDFAST_PLAN")
	}
	return err
}
