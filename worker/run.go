package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// closeTimeout bounds the closing of endpoint and metrics after the work has ended.
const closeTimeout = 5 * time.Second

// runOptions are the flags of worker run.
type runOptions struct {
	planFile       string
	host           string        // name of this host in the plan; empty: none
	site           string        // name of this site in the plan; empty: none
	queues         []string      // further task queues
	metricsAddress string        // host:port; port 0 chooses one
	logFormat      string        // json or console
	logLevel       string        // debug, info, warn, error
	stopTimeout    time.Duration // for work under way at a stop
	connectTimeout time.Duration // for Temporal to answer at the start
	stateDir       string        // of this host
	signingKey     string        // file; needed with --host
	walProgram     string        // empty: wal beside this program
	keyHolder      string        // file; needed for the queue keys
	keyPassphrase  string        // secret reference
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Poll task queues until stopped",
		Example: "  worker run --plan /etc/holdfast/plan.yaml --host db-1\n  worker run --plan /etc/holdfast/plan.yaml --queues control",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.planFile, "plan", "", "the plan, on this machine's disk (required)")
	flags.StringVar(&o.host, "host", "", "this host's name in the plan: polls host.<name>")
	flags.StringVar(&o.site, "site", "", "this site's name in the plan: polls site.<name>")
	flags.StringSliceVar(&o.queues, "queues", nil, "further task queues, such as control")
	flags.StringVar(&o.metricsAddress, "metrics-address", obs.DefaultAddress, "where /metrics, /healthz and /readyz are served")
	flags.StringVar(&o.logFormat, "log-format", string(obs.LogJSON), "json or console")
	flags.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.DurationVar(&o.stopTimeout, "stop-timeout", 30*time.Second, "how long work under way may go on after a signal")
	flags.DurationVar(&o.connectTimeout, "connect-timeout", time.Minute, "how long to wait for Temporal at the start")
	flags.StringVar(&o.stateDir, "state-dir", "/var/lib/holdfast", "this host's index, journals and fence records")
	flags.StringVar(&o.signingKey, "signing-key", "", "private OpenPGP key file that signs this host's backups (needed on a database's host)")
	flags.StringVar(&o.walProgram, "wal-program", "", "the wal binary that PostgreSQL calls (default: beside this program)")
	flags.StringVar(&o.keyHolder, "key-holder", "", "private OpenPGP key file that opens backups (needed for --queues keys)")
	flags.StringVar(&o.keyPassphrase, "key-passphrase", "", "its passphrase, as env:NAME or file:/path")
	return cmd
}

// run serves until ctx ends or a poller fails for good.
func run(ctx context.Context, o runOptions) (err error) {
	log, err := obs.NewLogger(obs.LogFormat(o.logFormat), o.logLevel)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // stderr that is a terminal cannot be synced
	if err := o.absolute(); err != nil {
		return err
	}
	p, err := loadPlan(o.planFile, log)
	if err != nil {
		return err
	}
	queues, err := taskQueues(p, o)
	if err != nil {
		return err
	}
	metrics, err := obs.NewMetrics(log)
	if err != nil {
		return err
	}
	health := &obs.Health{}
	server, err := obs.Serve(ctx, o.metricsAddress, metrics, health, log)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, server.Close(closing), metrics.Close(closing))
	}()
	log.Info("worker starts", zap.String("version", obs.Version()), zap.String("plan", string(p.Hash())),
		zap.Strings("queues", queues), zap.String("endpoint", "http://"+server.Address))
	temporal, err := connect(ctx, connectOptions{Log: log, Metrics: metrics, Timeout: o.connectTimeout})
	if err != nil {
		return err
	}
	defer temporal.Close()
	return serve(ctx, served{client: temporal, plan: p, options: o, queues: queues, health: health, log: log, metrics: metrics})
}

func loadPlan(path string, log *zap.Logger) (*plan.Plan, error) {
	if path == "" {
		return nil, failure.Invalid("plan", "no plan was named").WithHint("worker run --plan FILE")
	}
	p, findings, err := plan.Load(path)
	if err != nil {
		return nil, err
	}
	// What a published plan may leave open (keys, above all) a run may not.
	if err := p.Check(plan.ForRunning).Err(path); err != nil {
		return nil, err
	}
	if warnings := findings.Warnings(); len(warnings) > 0 {
		log.Warn("the plan has warnings", zap.Int("count", len(warnings)), zap.String("next", "starter plan check "+path))
	}
	return p, nil
}
