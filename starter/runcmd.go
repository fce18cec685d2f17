package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// controlQueue is where workflows run.
const controlQueue = "control"

func (a *app) runCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{Use: "run", Short: "Start a recovery run", Example: "  starter run database-corruption --help"})
	parent.AddCommand(a.runDatabaseCorruption())
	return parent
}

// corruption are the flags of `run database-corruption`.
type corruption struct {
	incident, service, database  string
	severity, summary, requester string
	disruptedAt, detectedAt      string
	targetTime, targetLSN        string
	targetName                   string
	latest, automatic, wait      bool
	declare                      signing
}

func (a *app) runDatabaseCorruption() *cobra.Command {
	var c corruption
	command := &cobra.Command{
		Use:   "database-corruption",
		Short: "Recover a corrupted PostgreSQL database",
		Long: `Starts the runbook for a corrupted database. A run only looks until somebody the
plan gives the right has declared the incident: sign with --declare --as --key
here, or later with "starter declare".

Without a target the assessment proposes one, from WAL, heartbeats and the plan's
invariants; the commander approves it or starts again with another.`,
		Example: `  starter run database-corruption --plan plan.yaml --service database \
      --incident INC-2026-0042 --disrupted-at 2026-03-01T10:15:00Z
  starter run database-corruption --plan plan.yaml --service database \
      --incident INC-2026-0042 --disrupted-at 2026-03-01T10:15:00Z \
      --target-time 2026-03-01T10:14:30Z --declare --as commander --key ~/.ssh/id_ed25519`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.startCorruption(cmd.Context(), c) },
	}
	flags := command.Flags()
	flags.StringVar(&c.incident, "incident", "", "identifier of the incident (required)")
	flags.StringVar(&c.service, "service", "", "disrupted service, as the plan names it (required)")
	flags.StringVar(&c.database, "database", "", "database to recover, where the service has several")
	flags.StringVar(&c.severity, "severity", "", "P1 to P4 (default: the service's priority)")
	flags.StringVar(&c.summary, "summary", "", "what users see, in a sentence")
	flags.StringVar(&c.requester, "requester", "", "person of the plan who asks for the run (default: monitoring)")
	flags.BoolVar(&c.automatic, "automatic", false, "monitoring or a schedule starts this run: the plan's min_interval between two such runs holds")
	flags.StringVar(&c.disruptedAt, "disrupted-at", "", "when users were first affected, RFC 3339 (required)")
	flags.StringVar(&c.detectedAt, "detected-at", "", "when it was noticed, RFC 3339")
	flags.StringVar(&c.targetTime, "target-time", "", "recover to this time, RFC 3339")
	flags.StringVar(&c.targetLSN, "target-lsn", "", "recover to this WAL position, as in 16/B374D848")
	flags.StringVar(&c.targetName, "target-name", "", "recover to this restore point")
	flags.BoolVar(&c.latest, "latest", false, "recover everything that survived")
	flags.BoolVar(&c.wait, "wait", false, "follow the run until it ends")
	flags.BoolVar(&c.declare.wanted, "declare", false, "sign the declaration of the incident with --as and --key")
	c.declare.bind(flags)
	command.MarkFlagsMutuallyExclusive("automatic", "requester")
	command.MarkFlagsMutuallyExclusive("automatic", "declare")
	command.MarkFlagsMutuallyExclusive("target-time", "target-lsn", "target-name", "latest")
	return command
}

func (a *app) startCorruption(ctx context.Context, c corruption) error {
	loaded, err := a.loadPlan()
	if err != nil {
		return err
	}
	in, err := c.input(loaded)
	if err != nil {
		return err
	}
	if c.declare.wanted {
		if in.Declaration, err = c.declaration(loaded, in); err != nil {
			return err
		}
	}
	return a.start(ctx, in, c.wait)
}

// declaration signs for the occasion: the run that could be named does not exist yet.
func (c corruption) declaration(loaded *plan.Plan, in databasecorruption.Input) (*approval.Signed, error) {
	database := in.Database
	if database == "" {
		only, err := loaded.DatabaseOf(in.Service)
		if err != nil {
			return nil, err
		}
		database = only.Name
	}
	occasion, err := approval.Occasion{
		Incident: in.Incident, Scenario: databasecorruption.Scenario, Service: in.Service, Database: database, DisruptedAt: in.DisruptedAt,
	}.Choice()
	if err != nil {
		return nil, err
	}
	if c.declare.validity > approval.MaxBeforehand {
		return nil, failure.Invalid("--valid-for", "is %s; a declaration signed before the run exists is valid for %s at most", c.declare.validity, approval.MaxBeforehand).
			WithHint("start the run and sign then: starter declare --run %s", databasecorruption.WorkflowID(in.Service))
	}
	signed, err := c.declare.sign(approval.Message{
		Kind: approval.Declare, WorkflowID: databasecorruption.WorkflowID(in.Service), Incident: in.Incident,
		PlanHash: string(in.PlanHash), ChoiceHash: occasion.Hash, Sequence: 1,
	})
	return &signed, err
}

func (c corruption) input(loaded *plan.Plan) (databasecorruption.Input, error) {
	in := databasecorruption.Input{
		Incident: c.incident, PlanHash: loaded.Hash(), Service: c.service, Database: c.database,
		Severity: plan.Level(c.severity), Summary: c.summary, Requester: c.requester,
		Automatic: c.automatic,
	}
	var err error
	if in.DisruptedAt, err = parseTime("disrupted-at", c.disruptedAt); err != nil {
		return in, err
	}
	if in.DetectedAt, err = parseTime("detected-at", c.detectedAt); err != nil {
		return in, err
	}
	if in.Target, err = c.target(); err != nil {
		return in, err
	}
	if c.service != "" {
		if _, err := loaded.Service(c.service); err != nil {
			return in, err
		}
	}
	return in, in.Validate()
}

func (c corruption) target() (*recovery.Target, error) {
	for kind, value := range map[recovery.TargetKind]string{
		recovery.TargetTime: c.targetTime, recovery.TargetLSN: c.targetLSN, recovery.TargetName: c.targetName,
	} {
		if value != "" {
			target, err := recovery.ParseTarget(kind, value)
			return &target, err
		}
	}
	if c.latest {
		target, err := recovery.ParseTarget(recovery.TargetLatest, "")
		return &target, err
	}
	return nil, nil //nolint:nilnil // no target: the assessment proposes one
}

// started is what `run -o json` prints.
type started struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	PlanHash   string `json:"plan_hash"`
}

func (a *app) start(ctx context.Context, in databasecorruption.Input, wait bool) error {
	temporal, err := dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	id := databasecorruption.WorkflowID(in.Service)
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: controlQueue,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            fmt.Sprintf("%s: recover %s", in.Incident, in.Service),
		StaticDetails:                            in.Summary,
	}, databasecorruption.Name, in)
	if err != nil {
		return served(err, id)
	}
	out := started{WorkflowID: id, RunID: run.GetRunID(), PlanHash: string(in.PlanHash)}
	if err := a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s started\t%s\n", a.color(green, "✓"), id)
		fmt.Fprintf(w, "watch it\tstarter status --run %s --watch\n", id)
	}); err != nil || !wait {
		return err
	}
	return a.watch(ctx, temporal, id, run.GetRunID())
}

func parseTime(flag, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return time.Time{}, failure.Invalid("--"+flag, "%.60q is not an RFC 3339 time", value).
			WithHint("write it with a zone: --%s %s", flag, time.Now().UTC().Format(time.RFC3339))
	}
	return at.UTC(), nil
}
