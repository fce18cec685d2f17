package scenario

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

const lookEvery = 100 * time.Millisecond

// Watcher hears what a run does while it is followed.
type Watcher interface {
	// Step hears of a step once when it begins and once when it is over.
	Step(step runbook.StepReport)
	// Asked hears of an open question, each time the run is looked at: it returns
	// once it has done what it wants to about it.
	Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error
}

// Follow watches a run until it has ended, one look after the other.
func (s *Scenario) Follow(ctx context.Context, watcher Watcher) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := map[string]runbook.StepReport{}
	for {
		status, err := s.Status(ctx)
		if err != nil && (ctx.Err() != nil || !failure.Is(err, failure.Unavailable)) {
			return err
		}
		if err == nil { // else a worker is starting; the context bounds the wait
			if err := look(ctx, status, seen, watcher); err != nil {
				return err
			}
		}
		if status.State == runbook.StateEnded {
			return nil
		}
		select {
		case <-ctx.Done():
			return failure.Wrap(failure.Unavailable, ctx.Err(), "the run did not end; it stands at %s, phase %s: %s",
				status.State, status.Phase, strings.Join(status.Findings, "; "))
		case <-tick.C:
		}
	}
}

// look tells watcher what is new since the last look, and what is asked.
func look(ctx context.Context, status runbook.Status, seen map[string]runbook.StepReport, watcher Watcher) error {
	for _, step := range status.Steps {
		if old := seen[step.Key]; old.State != step.State || old.Attempts != step.Attempts {
			seen[step.Key] = step
			watcher.Step(step)
		}
	}
	if status.State == runbook.StateEnded {
		return nil
	}
	for _, question := range status.Questions {
		if err := watcher.Asked(ctx, status, question); err != nil {
			return err
		}
	}
	return nil
}

// Signer answers every question with the stack's own keys, by the starter
// command that a person would type.
type Signer struct {
	*Scenario
	// Heard is told of every step; nil: nobody.
	Heard func(runbook.StepReport)
	// Answered is told who answered which question; nil: nobody.
	Answered func(question runbook.OpenQuestion, kind approval.Kind, person string)
}

// Step implements Watcher.
func (g *Signer) Step(step runbook.StepReport) {
	if g.Heard != nil {
		g.Heard(step)
	}
}

// Asked implements Watcher. A failed step is returned as the error it is: the
// scenario is over then.
func (g *Signer) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	kind, ok := kindOf(question)
	if !ok {
		return failure.New(failure.CheckFailed, "%s: %s", question.Title, question.Choice)
	}
	if Early(status, kind) {
		return nil
	}
	person, err := g.Person(status, question, kind)
	if err != nil {
		return err
	}
	err = g.Decide(ctx, nil, kind, question, person)
	if err == nil && g.Answered != nil {
		g.Answered(question, kind, person)
	}
	return err
}

// Early says that a message may be sent, and should not be yet: a cut-over may be
// committed at any time, and should be once the run has done and shown everything
// and waits for nothing else.
func Early(status runbook.Status, kind approval.Kind) bool {
	return kind == approval.Commit && status.State != runbook.StateWaiting
}

// Person is somebody who may send kind about question and has not yet.
func (s *Scenario) Person(status runbook.Status, question runbook.OpenQuestion, kind approval.Kind) (string, error) {
	except := slices.Clone(question.Approved)
	if kind == approval.Approve {
		except = append(except, status.DeclaredBy)
	}
	people := s.senders(plan.Message(kind), question.Roles, except...)
	if len(people) == 0 {
		return "", failure.New(failure.Refused, "nobody is left who may %s %q (asked: %s)", kind, question.Title, strings.Join(except, ", "))
	}
	return people[0], nil
}

// Decide sends one signed message, by the command of its name. into takes what
// the command prints and may be nil.
func (s *Scenario) Decide(ctx context.Context, into any, kind approval.Kind, question runbook.OpenQuestion, person string, further ...string) error {
	return s.Starter(ctx, into, append([]string{
		string(kind), "--run", s.WorkflowID(), "--question", question.Key, "--as", person, "--key", s.Keys.People[person],
	}, further...)...)
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(one string) bool { return !slices.Contains(b, one) })
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(one string) bool { return slices.Contains(b, one) })
}
