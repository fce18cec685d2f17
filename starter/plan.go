package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

func (a *app) planCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{Use: "plan", Short: "Check the plan", Example: "  starter plan check deploy/plans/ai-scientist.yaml"})
	parent.AddCommand(a.planCheck(), a.planServices())
	return parent
}

// checked is what `plan check -o json` prints.
type checked struct {
	Plan     string        `json:"plan"`
	Hash     plan.Hash     `json:"hash"`
	Usable   bool          `json:"usable"`
	Order    []string      `json:"recovery_order"`
	Findings plan.Findings `json:"findings"`
	Live     []liveFinding `json:"live,omitempty"`
}

func (a *app) planCheck() *cobra.Command {
	var live bool
	var testMail string
	command := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a plan for mistakes, and with --live against the real world",
		Long: `check reads a plan strictly and prints every mistake with file, line and what
would be right, then its hash, which runs and approvals are bound to.

With --live it also runs the store conformance checks against the plan's real
buckets, under a prefix of their own that is removed afterwards, and connects to
the plan's databases and mail server. Nothing else is changed, and no mail is
sent unless --send-test-mail names somebody. What could not be looked at from
here is unknown, and unknown is not passed: the exit status is 14 then too.`,
		Example: `  starter plan check deploy/plans/ai-scientist.yaml
  starter plan check --plan plan.yaml --live -o json
  starter plan check --plan plan.yaml --live --send-test-mail commander`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.planFile = args[0]
			}
			return a.checkPlan(cmd, live, testMail)
		},
	}
	command.Flags().BoolVar(&live, "live", false, "also check stores, databases and mail server as they are")
	command.Flags().StringVar(&testMail, "send-test-mail", "", "with --live: also send one mail to this person, role, contact or group")
	return command
}

func (a *app) checkPlan(cmd *cobra.Command, live bool, testMail string) error {
	if a.planFile == "" {
		return missingFlag("plan", "starter plan check FILE")
	}
	if testMail != "" && !live {
		return failure.Invalid("--send-test-mail", "needs --live").WithHint("starter plan check --live --send-test-mail %s", shownWord(testMail))
	}
	loaded, findings, err := plan.Load(a.planFile)
	if err != nil && len(findings) == 0 {
		return noSuchPlan(err)
	}
	out := checked{Plan: a.planFile, Findings: findings, Usable: err == nil}
	if err == nil {
		out.Hash = loaded.Hash()
		needed := loaded.CheckNeeds(databasecorruption.Needs())
		out.Findings = append(out.Findings, needed...)
		if err = needed.Err(a.planFile); err != nil {
			out.Usable = false
		}
	}
	if err == nil {
		if out.Order, err = loaded.RecoveryOrder(); err != nil {
			return err
		}
		if live {
			out.Live = a.checkLive(cmd.Context(), loaded, testMail)
		}
	}
	if err := a.print(out, func(w *tabwriter.Writer) { a.showChecked(w, out) }); err != nil {
		return err
	}
	return out.verdict(err)
}

// verdict is the error that the exit status is made from.
func (c checked) verdict(loadErr error) error {
	if loadErr != nil {
		return loadErr
	}
	for _, finding := range c.Live {
		if finding.Status != livePassed && finding.Status != liveNotShown {
			return failure.New(failure.CheckFailed, "%s: %s: %s", finding.Subject, finding.Check, finding.Detail).
				WithHint("%s", finding.next())
		}
	}
	return nil
}

func (a *app) showChecked(w *tabwriter.Writer, c checked) {
	if err := c.Findings.Render(w, a.terminal() && !a.noColor); err != nil {
		fmt.Fprintln(a.err, err)
	}
	errors, warnings := len(c.Findings.Errors()), len(c.Findings.Warnings())
	if !c.Usable {
		fmt.Fprintf(w, "%s %s cannot be used: %d errors, %d warnings\n", a.color(red, "✗"), c.Plan, errors, warnings)
		return
	}
	fmt.Fprintf(w, "%s %s is usable: %d warnings\n", a.color(green, "✓"), c.Plan, warnings)
	fmt.Fprintf(w, "hash\t%s\n", c.Hash)
	fmt.Fprintf(w, "recovery order\t%v\n", c.Order)
	for _, finding := range c.Live {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.color(finding.Status.paint(), string(finding.Status)), finding.Subject, finding.Check, finding.Detail)
	}
}
