package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// decision is one message to a run, and how it is sent.
type decision struct {
	signing
	kind     approval.Kind
	run      string
	question string
	printIt  bool

	retry, skip, abort bool
	extendBy           time.Duration
}

// decisionCommands are approve, reject and the other messages of a run: one
// command each, one code path.
func (a *app) decisionCommands() []*cobra.Command {
	about := map[approval.Kind]string{
		approval.Declare:     "Declare the incident: from here on the run may change things",
		approval.Approve:     "Approve the open gate",
		approval.Reject:      "Reject the open gate: the run ends and undoes what it did",
		approval.Acknowledge: "Say that you have seen the question; escalation stops",
		approval.Pause:       "Start no further step until resumed",
		approval.Resume:      "Go on after a pause",
		approval.Resolve:     "Answer a failed step: retry, skip or abort",
		approval.Extend:      "Give a phase that ran out more time",
		approval.Commit:      "Keep the provisional cut-over",
		approval.Rollback:    "Undo the provisional cut-over",
	}
	var commands []*cobra.Command
	for _, kind := range approval.Kinds() {
		commands = append(commands, a.decisionCommand(kind, about[kind]))
	}
	return commands
}

func (a *app) decisionCommand(kind approval.Kind, short string) *cobra.Command {
	d := decision{kind: kind}
	command := &cobra.Command{
		Use: string(kind), Short: short,
		Long: short + `.

Shows what is decided, in full, signs it with your SSH key and sends it. With
--print nothing is sent: the signed message and the temporal command that sends
it are printed, for a machine that has the key but no way to Temporal, or the
other way round.`,
		Example: fmt.Sprintf("  starter %s --run recover/database --as commander --key ~/.ssh/id_ed25519%s", kind, exampleFlags(kind)),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.decide(cmd.Context(), d) },
	}
	flags := command.Flags()
	flags.StringVar(&d.run, "run", "", "workflow ID of the run, as in recover/SERVICE (required)")
	flags.StringVar(&d.question, "question", "", "which open question, where there are several")
	flags.BoolVar(&d.printIt, "print", false, "print the signed message instead of sending it")
	d.bind(flags)
	if kind == approval.Resolve {
		flags.BoolVar(&d.retry, "retry", false, "run the failed step again")
		flags.BoolVar(&d.skip, "skip", false, "go on without it (refused for required steps)")
		flags.BoolVar(&d.abort, "abort", false, "end the run and undo what it did")
		command.MarkFlagsMutuallyExclusive("retry", "skip", "abort")
		command.MarkFlagsOneRequired("retry", "skip", "abort")
	}
	if kind == approval.Extend {
		flags.DurationVar(&d.extendBy, "by", 30*time.Minute, "how much more time")
	}
	return command
}

func exampleFlags(kind approval.Kind) string {
	switch kind {
	case approval.Resolve:
		return " --retry"
	case approval.Extend:
		return " --by 30m --reason \"restore at 90 %\""
	case approval.Reject, approval.Rollback:
		return " --reason \"the target is wrong\""
	default:
		return ""
	}
}

func (a *app) decide(ctx context.Context, d decision) error {
	if d.run == "" {
		return missingFlag("run", "starter status lists the runs")
	}
	if d.kind == approval.Extend && d.extendBy < time.Second {
		return failure.Invalid("--by", "%s is not at least a second", d.extendBy).WithHint("--by 30m")
	}
	temporal, err := dial(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	status, err := queryStatus(ctx, temporal, d.run, "")
	if err != nil {
		return err
	}
	message, err := d.message(status)
	if err != nil {
		return err
	}
	a.showDecided(d, status, message)
	signed, err := d.sign(message)
	if err != nil {
		return err
	}
	if d.printIt {
		return a.printSigned(d, signed)
	}
	return a.send(ctx, temporal, d, signed)
}

// showDecided prints what the signature is about to cover, on standard error so
// that standard output stays the answer.
func (a *app) showDecided(d decision, status runbook.Status, message approval.Message) {
	if a.format == formatJSON {
		return
	}
	fmt.Fprintf(a.err, "%s %s (%s), run %s\n", a.alert(bold, "signing:"), d.kind, status.Title, status.WorkflowID)
	for _, question := range status.Questions {
		for _, template := range question.Templates {
			if template.Nonce == message.Nonce && template.Kind == d.kind {
				fmt.Fprintf(a.err, "%s\ntarget: %s\n%s\n", question.Title, question.Target, question.Choice)
			}
		}
	}
}

// message fills in the template that the run itself made for this answer.
func (d decision) message(status runbook.Status) (approval.Message, error) {
	message := approval.Message{
		Kind: d.kind, WorkflowID: status.WorkflowID, FirstRunID: status.FirstRunID,
		Incident: status.Incident, PlanHash: status.PlanHash, Sequence: nextSequence(status),
	}
	if d.kind == approval.Pause || d.kind == approval.Resume {
		return message, nil
	}
	question, err := d.openQuestion(status)
	if err != nil {
		return message, err
	}
	for _, template := range question.Templates {
		if template.Kind == d.kind {
			message = template
		}
	}
	if err := shownIsHashed(question, message); err != nil {
		return message, err
	}
	message.Verdict = d.verdict()
	if d.kind == approval.Extend {
		message.ExtendSeconds = int64(d.extendBy / time.Second)
	}
	return message, nil
}

// shownIsHashed refuses a question whose text is not what its hash says: whoever
// answered it would sign for something that was never shown.
func shownIsHashed(question runbook.OpenQuestion, message approval.Message) error {
	sum := sha256.Sum256([]byte(question.Choice))
	if hex.EncodeToString(sum[:]) == message.ChoiceHash {
		return nil
	}
	return failure.New(failure.Corrupt, "the choice shown for %q is not the one its hash names", question.Title).
		WithHint("do not sign: this status did not come from the run as it was; starter status --run %s --timeline", shownWord(message.WorkflowID))
}

// nextSequence is above that of every message the run has counted.
func nextSequence(status runbook.Status) uint64 {
	for _, question := range status.Questions {
		for _, template := range question.Templates {
			return template.Sequence
		}
	}
	return uint64(time.Now().UnixMilli()) // #nosec G115 -- after 1970; no question is open to learn it from
}

func (d decision) verdict() approval.Verdict {
	switch {
	case d.retry:
		return approval.Retry
	case d.skip:
		return approval.Skip
	case d.abort:
		return approval.Abort
	}
	return ""
}

// openQuestion finds the one open question this answers.
func (d decision) openQuestion(status runbook.Status) (runbook.OpenQuestion, error) {
	var fitting []runbook.OpenQuestion
	var keys []string
	for _, question := range status.Questions {
		answers := d.kind == approval.Acknowledge || slices.Contains(question.Accepts, d.kind)
		if answers && (d.question == "" || question.Key == d.question) {
			fitting = append(fitting, question)
			keys = append(keys, question.Key)
		}
	}
	switch len(fitting) {
	case 1:
		return fitting[0], nil
	case 0:
		return runbook.OpenQuestion{}, failure.New(failure.NotFound, "run %s has no open question that %s answers", status.WorkflowID, d.kind).
			WithHint("starter status --run %s", status.WorkflowID)
	}
	return runbook.OpenQuestion{}, failure.Invalid("--question", "%d questions are open: %s", len(keys), strings.Join(keys, ", ")).
		WithHint("starter %s --run %s --question %s", d.kind, status.WorkflowID, keys[0])
}

// send delivers by update, which answers whether the message counted.
func (a *app) send(ctx context.Context, temporal client.Client, d decision, signed approval.Signed) error {
	var receipt runbook.Receipt
	err := patiently(ctx, func() error {
		handle, err := temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: d.run, UpdateName: runbook.UpdateDecide, Args: []any{signed}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, &receipt)
	})
	if err != nil {
		return served(err, d.run)
	}
	return a.print(receipt, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s %s counted\t%s\n", a.color(green, "✓"), receipt.Kind, receipt.Title)
		if receipt.Missing > 0 {
			fmt.Fprintf(w, "approvals still needed\t%d\n", receipt.Missing)
		}
	})
}

// signedOut is what --print prints.
type signedOut struct {
	Signed  approval.Signed `json:"signed"`
	Command string          `json:"command"`
}

func (a *app) printSigned(d decision, signed approval.Signed) error {
	text, err := json.Marshal(signed)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the signed message")
	}
	out := signedOut{Signed: signed, Command: fmt.Sprintf("temporal workflow signal --workflow-id %s --name %s --input '%s'", d.run, d.kind, text)}
	return a.print(out, func(w *tabwriter.Writer) { fmt.Fprintln(w, out.Command) })
}
