package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/terragonlabs/holdfast/internal/runbook"
)

const watchEvery = time.Second

func (a *app) statusCommand() *cobra.Command {
	var run string
	var watch, timeline bool
	command := &cobra.Command{
		Use:   "status",
		Short: "Show runs, or where one run stands and what it asks",
		Long: `Lists the recovery runs that Temporal knows; with --run, shows where one stands:
its phases and their budgets, its steps (✓ done, … under way, ✗ failed, – skipped),
and every open question with the choice in full and the commands that answer it.

--watch prints each step as it ends and each question as it opens, until the run is
over, and then ends with the run's own exit status.`,
		Example: `  starter status
  starter status --run recover/database --watch
  starter status --run recover/database --timeline -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			temporal, err := dial(cmd.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			switch {
			case run == "":
				return a.listRuns(cmd.Context(), temporal)
			case timeline:
				return a.showTimeline(cmd.Context(), temporal, run)
			case watch:
				return a.watch(cmd.Context(), temporal, run, "")
			}
			status, err := queryStatus(cmd.Context(), temporal, run, "")
			if err != nil {
				return err
			}
			return a.print(status, func(w *tabwriter.Writer) { a.showStatus(w, status) })
		},
	}
	flags := command.Flags()
	flags.StringVar(&run, "run", "", "workflow ID of one run, as in recover/SERVICE")
	flags.BoolVar(&watch, "watch", false, "follow the run until it ends")
	flags.BoolVar(&timeline, "timeline", false, "print the newest entries of its timeline")
	command.MarkFlagsMutuallyExclusive("watch", "timeline")
	return command
}

func queryStatus(ctx context.Context, temporal client.Client, run, runID string) (runbook.Status, error) {
	var status runbook.Status
	err := ask(ctx, temporal, run, runID, runbook.QueryStatus, &status)
	return status, served(err, run)
}

// listed is one run of `status -o json`.
type listed struct {
	WorkflowID string    `json:"workflow_id"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Started    time.Time `json:"started"`
}

func (a *app) listRuns(ctx context.Context, temporal client.Client) error {
	answer, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		PageSize: 50, Query: `WorkflowId STARTS_WITH "recover/"`,
	})
	if err != nil {
		return served(err, "list")
	}
	runs := []listed{}
	for _, one := range answer.GetExecutions() {
		runs = append(runs, listed{
			WorkflowID: one.GetExecution().GetWorkflowId(), Type: one.GetType().GetName(),
			Status: strings.ToLower(one.GetStatus().String()), Started: one.GetStartTime().AsTime(),
		})
	}
	return a.print(runs, func(w *tabwriter.Writer) {
		if len(runs) == 0 {
			fmt.Fprintln(w, "no recovery run yet: starter run --help")
			return
		}
		fmt.Fprintln(w, "RUN\tTYPE\tSTATUS\tSTARTED")
		for _, one := range runs {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.WorkflowID, one.Type, one.Status, one.Started.Format(time.RFC3339))
		}
	})
}

func (a *app) showTimeline(ctx context.Context, temporal client.Client, run string) error {
	var timeline runbook.Timeline
	if err := ask(ctx, temporal, run, "", runbook.QueryTimeline, &timeline); err != nil {
		return served(err, run)
	}
	return a.print(timeline, func(w *tabwriter.Writer) {
		for _, entry := range timeline.Entries {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", entry.Seq, entry.At.Format("15:04:05.000"), entry.Kind, entry.Title, entry.Actor, firstLine(entry.Detail))
		}
		fmt.Fprintf(w, "head\t%s\n", timeline.Head.Hash)
	})
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (a *app) showStatus(w *tabwriter.Writer, s runbook.Status) {
	fmt.Fprintf(w, "%s\t%s\n", a.color(bold, s.Title), a.color(stateColor(s.State), string(s.State)))
	fmt.Fprintf(w, "incident\t%s, service %s\n", s.Incident, s.Service)
	if s.Stopping != "" {
		fmt.Fprintf(w, "stopping\t%s\n", s.Stopping)
	}
	for _, phase := range s.Phases {
		fmt.Fprintf(w, "\n%s\t%s of %s\n", a.color(bold, phase.Title), spent(phase), (phase.Budget + phase.Extended).String())
		for _, step := range s.Steps {
			if step.Phase == phase.Name {
				fmt.Fprintf(w, "  %s %s\t%s\n", a.mark(step.State), step.Title, stepNote(step))
			}
		}
	}
	for _, finding := range s.Findings {
		fmt.Fprintf(w, "%s %s\n", a.color(yellow, "!"), finding)
	}
	for _, question := range s.Questions {
		a.showQuestion(w, question)
	}
}

func (a *app) showQuestion(w *tabwriter.Writer, q runbook.OpenQuestion) {
	fmt.Fprintf(w, "\n%s %s\t%d more of %s\n", a.color(yellow, "?"), a.color(bold, q.Title), q.Missing, strings.Join(q.Roles, ", "))
	if q.Target != "" {
		fmt.Fprintf(w, "  target\t%s\n", q.Target)
	}
	for _, line := range strings.Split(q.Choice, "\n") {
		fmt.Fprintf(w, "  %s\n", line)
	}
	for _, command := range q.Commands {
		fmt.Fprintf(w, "  next:\t%s --as PERSON --key FILE\n", command)
	}
}

func (a *app) mark(state runbook.StepState) string {
	switch state {
	case runbook.StepDone:
		return a.color(green, "✓")
	case runbook.StepFailed, runbook.StepAborted:
		return a.color(red, "✗")
	case runbook.StepSkipped:
		return a.color(yellow, "–")
	case runbook.StepRunning:
		return a.color(bold, "…")
	}
	return "?"
}

func stateColor(state runbook.State) paint {
	switch state {
	case runbook.StateRunning:
		return green
	case runbook.StateWaiting, runbook.StatePaused, runbook.StateUndoing:
		return yellow
	case runbook.StateEnded:
		return bold
	}
	return bold
}

func spent(phase runbook.PhaseReport) string {
	if phase.Left.IsZero() {
		return time.Since(phase.Entered).Round(time.Second).String()
	}
	return phase.Left.Sub(phase.Entered).Round(100 * time.Millisecond).String()
}

func stepNote(step runbook.StepReport) string {
	switch {
	case step.Error != "":
		return firstLine(step.Error)
	case step.Ended.IsZero():
		return ""
	}
	return step.Ended.Sub(step.Started).Round(time.Millisecond).String()
}

// watch prints every step as it ends and every question as it opens, until the
// run is over. It returns the run's own error.
func (a *app) watch(ctx context.Context, temporal client.Client, run, runID string) error {
	shown := map[string]runbook.StepState{}
	asked := map[string]bool{}
	for {
		status, err := queryStatus(ctx, temporal, run, runID)
		if err != nil {
			return err
		}
		a.showNews(status, shown, asked)
		described, err := temporal.DescribeWorkflowExecution(ctx, run, runID)
		if err != nil {
			return served(err, run)
		}
		if described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			return served(temporal.GetWorkflow(ctx, run, runID).Get(ctx, nil), run)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEvery):
		}
	}
}

func (a *app) showNews(status runbook.Status, shown map[string]runbook.StepState, asked map[string]bool) {
	for _, step := range status.Steps {
		if shown[step.Key] == step.State {
			continue
		}
		shown[step.Key] = step.State
		a.news(news{Step: &step}, func(w *tabwriter.Writer) {
			fmt.Fprintf(w, "%s %s %s %s\n", step.Started.Format(time.TimeOnly), a.mark(step.State), step.Title, stepNote(step))
		})
	}
	for _, question := range status.Questions {
		if asked[question.Key] {
			continue
		}
		asked[question.Key] = true
		a.news(news{Question: &question}, func(w *tabwriter.Writer) { a.showQuestion(w, question) })
	}
}

// news is one line of `status --watch -o json`.
type news struct {
	Step     *runbook.StepReport   `json:"step,omitempty"`
	Question *runbook.OpenQuestion `json:"question,omitempty"`
}

// news prints what is new: one line of JSON, or for people. A terminal that went
// away changes nothing for the run.
func (a *app) news(n news, human func(*tabwriter.Writer)) {
	if a.format == formatJSON {
		_ = json.NewEncoder(a.out).Encode(n)
		return
	}
	_ = align(a.out, written(human))
}
