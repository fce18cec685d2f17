//go:build chaos

package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// TestOneStoreDownForAWholeRecovery: connections to one store are refused from before
// the damage until after the run's end. What cannot be done without it is put to
// people, in words that name it and the next command; everything else goes on with
// the other store, commands and a worker that start meanwhile included. Once it is back
// it gets what it lacks. The stores are down one after the other: of the lease on the
// service, each has tokens that the other has not.
func TestOneStoreDownForAWholeRecovery(t *testing.T) {
	for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
		t.Run(server, func(t *testing.T) {
			b := shared(t)
			b.requireRepaired(t)
			down := b.storeOf(t, server)
			c := b.copies(t)
			b.net.Way(server).Refuse()
			control := b.worker("control")
			control.Kill()
			must(t, control.Again(b.ctx))
			run := b.damaged(t, scenario.Delete)
			people := &without{steadfast: &steadfast{bed: b, t: t}, store: down}
			b.follow(t, people)
			result, err := b.Result(b.ctx)
			must(t, err)
			said, wrote := c.reportOf(down, result)
			must(t, b.net.Heal())
			b.requireRepaired(t)
			made, err := b.BackUp(b.ctx)
			must(t, err)
			if len(made.Set.Stores) != len(b.Plan.Stores) {
				t.Errorf("the next set is in %v, want all stores", made.Set.Stores)
			}
			result, _ = run.require(t, b)
			people.judge()
			issue := requireNamed(t, said, wrote, down)
			told(t, oneStoreDown, fmt.Sprintf("store %s: %s in %d steps; everything was taken from the other store; put to people, and skipped: %s",
				down, result.Summary.Outcome, len(result.Summary.Steps), strings.Join(people.failed, "; ")),
				fmt.Sprintf("0 rows acknowledged before the damage are gone, one swap, nothing left to undo; the report: %s; once the store was back it got the WAL it lacked, and the next set %s is in both",
					issue, made.Set.ID))
		})
	}
}

// storeOf is the plan's name of a store by its server.
func (b *bed) storeOf(t *testing.T, server string) string {
	t.Helper()
	for _, one := range b.Plan.Stores {
		if string(one.Provider) == server {
			return one.Name
		}
	}
	t.Fatalf("the plan has no store at %s", server)
	return ""
}

// without answers as people would who know that a store is down and will not come
// back soon: a step that needs it, and may be left out, is.
type without struct {
	*steadfast
	store string
}

// Asked implements scenario.Watcher.
func (w *without) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	if !slices.Contains(question.Accepts, approval.Resolve) {
		return w.steadfast.Asked(ctx, status, question)
	}
	var step struct {
		Required bool `json:"required"`
	}
	must(w.t, json.Unmarshal([]byte(question.Choice), &step))
	put := said(question)
	w.failed = append(w.failed, put)
	w.t.Logf("put to people: %s", put)
	person, err := w.Person(status, question, approval.Resolve)
	if err != nil {
		return err
	}
	verdict := "--skip"
	if step.Required {
		verdict = "--abort"
	}
	return w.Decide(ctx, nil, approval.Resolve, question, person, verdict, "--reason", "store "+w.store+" is down")
}

// judge requires that people were asked about nothing but the lease and the new
// backup, in words that name the store and the next command, and that a store known to
// be down was not waited for again with each record.
func (w *without) judge() {
	w.t.Helper()
	for i, title := range []string{"Take the lease on", "Take a new base backup"} {
		if i >= len(w.failed) || !strings.Contains(w.failed[i], title) || !strings.Contains(w.failed[i], w.store) || !strings.Contains(w.failed[i], "starter ") {
			w.t.Errorf("put to people as question %d, about %q: %q", i+1, title, w.failed)
		}
	}
	if len(w.failed) != 2 {
		w.t.Errorf("%d steps were put to people: %q", len(w.failed), w.failed)
	}
	mirrored, took := 0, time.Duration(0)
	for _, step := range w.steps {
		if strings.HasPrefix(step.Title, "Mirror undo: ") {
			mirrored, took = mirrored+1, took+step.Ended.Sub(step.Started)
		}
	}
	if mirrored == 0 || took > time.Minute {
		w.t.Errorf("%d records of undos took %s", mirrored, took)
	}
}

// requireNamed requires that a report says which store did not answer, and that the WAL
// came from the others. It returns the issue's title.
func requireNamed(t *testing.T, markdown string, in report.Input, down string) (issue string) {
	t.Helper()
	at := slices.IndexFunc(in.Issues, func(one report.Issue) bool { return one.Title == "Store "+down+" did not answer" })
	if at < 0 || !strings.Contains(markdown, in.Issues[max(at, 0)].Title) {
		t.Fatalf("the report does not say that store %s was down: %+v", down, in.Issues)
	}
	if in.Choice == nil || len(in.Choice.Segments) == 0 {
		t.Fatalf("the report has no choice: %+v", in.Choice)
	}
	for _, run := range in.Choice.Segments {
		if slices.Contains(run.Stores, down) || len(run.Stores) == 0 {
			t.Errorf("WAL is said to be in %v, and %s did not answer", run.Stores, down)
		}
	}
	return in.Issues[at].Title
}

// reportOf reads the run's report from the store that took it.
func (c copies) reportOf(down string, result databasecorruption.Result) (text string, in report.Input) {
	c.t.Helper()
	if result.Report == nil {
		c.t.Fatal("the run wrote no report")
	}
	for i, one := range c.stores {
		if one.Name() == down {
			continue
		}
		must(c.t, json.Unmarshal(c.read(i, result.Report.JSON), &in))
		text = string(c.read(i, result.Report.Markdown))
	}
	return text, in
}
