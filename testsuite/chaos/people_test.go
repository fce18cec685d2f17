//go:build chaos

package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/relay"
)

// What a history may hold: Temporal ends a run at 51 200 events or 50 MB.
const (
	maxEvents       = 50_000
	maxHistoryBytes = 45 << 20
	// signalsVariable is how many signals are a flood; as many as a server takes for
	// one run, 10 000, make it go on with a new history.
	signalsVariable = "HOLDFAST_CHAOS_SIGNALS"
)

// TestFloodedAndTerminated: thousands of messages that count for nothing reach a
// run that waits. It refuses and counts them, its history stays bounded, and it goes
// on. Just after the cut-over it is terminated and cannot undo anything any more:
// `starter undo` does, on each host what is its own. The next run recovers, also where
// PostgreSQL has recycled the WAL with the damage in it since.
func TestFloodedAndTerminated(t *testing.T) {
	b := shared(t)
	var once sync.Once
	dead := make(chan struct{})
	following, stop := context.WithCancel(b.ctx) // a terminated run never says that it has ended
	defer stop()
	b.atBoundaries(func(task relay.Task) {
		if task.Type == "postgres.SwapIn" {
			once.Do(func() {
				defer close(dead)
				defer stop()
				if _, err := b.TemporalCommand(b.ctx, "workflow", "terminate", "--workflow-id", b.WorkflowID(), "--reason", "a mistake"); err != nil {
					t.Error(err)
				}
			})
		}
	})
	defer b.atBoundaries(nil)
	run := b.damaged(t, scenario.Delete)
	people := &steadfast{bed: b, t: t}
	var begin sync.Once
	people.gate = func(question runbook.OpenQuestion) {
		if strings.HasPrefix(question.Key, "gate:restore") {
			begin.Do(func() { b.flooded(t, question) })
		}
	}
	err := b.Follow(following, people)
	select {
	case <-dead:
	default:
		t.Fatalf("the run ended before it was terminated: %v", err)
	}
	undone := b.undoEverywhere(t)
	b.requireUntouched(t, run)
	b.atBoundaries(nil)
	b.recycle(t, run.damage)
	again := b.run(t, run.damage)
	second := &steadfast{bed: b, t: t}
	b.follow(t, second)
	result, _ := again.require(t, b)
	told(t, terminated, fmt.Sprintf("`starter undo` took back %s; the next run %s", strings.Join(undone, ", "), brief(result, second)),
		"the damaged database served again, 0 acknowledged rows missing, nothing pending in the stores; then every row the damage took was back")
}

// flooded floods the run and requires that it counts, and stays small.
func (b *bed) flooded(t *testing.T, question runbook.OpenQuestion) {
	t.Helper()
	began := time.Now()
	flood := int(number(t, signalsVariable, 1000))
	b.flood(t, question, flood)
	took := time.Since(began)
	var refused int
	must(t, b.await("the run to count the messages", func() (bool, error) {
		status, err := b.Status(b.ctx)
		refused = 0
		for _, one := range status.Refused {
			refused += one.Count
		}
		return refused >= flood, err
	}))
	described, err := b.Client.DescribeWorkflowExecution(b.ctx, b.WorkflowID(), "")
	must(t, err)
	info := described.GetWorkflowExecutionInfo()
	if info.GetHistoryLength() > maxEvents || info.GetHistorySizeBytes() > maxHistoryBytes {
		t.Errorf("the history has %d events and %d bytes", info.GetHistoryLength(), info.GetHistorySizeBytes())
	}
	told(t, flooding, fmt.Sprintf("%d messages sent in %s: %d refused and counted, and the run went on to its cut-over", flood, took.Round(time.Second), refused),
		fmt.Sprintf("its history holds %d events and %d KB", info.GetHistoryLength(), info.GetHistorySizeBytes()>>10))
}

// flood signals approvals that nobody has signed, from many senders at once.
func (b *bed) flood(t *testing.T, question runbook.OpenQuestion, count int) {
	t.Helper()
	var template approval.Message
	for _, one := range question.Templates {
		if one.Kind == approval.Approve {
			template = one
		}
	}
	people := b.Plan.Team.People
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		group.Go(func() error {
			message := template
			message.Person = people[i%len(people)].ID
			text, err := json.Marshal(message)
			if err != nil {
				return err
			}
			return b.Client.SignalWorkflow(b.ctx, b.WorkflowID(), "", string(approval.Approve), approval.Signed{Payload: string(text), Signature: "none"})
		})
	}
	must(t, group.Wait())
}

// requireUntouched: the application writes on the database it had, damage and all.
func (b *bed) requireUntouched(t *testing.T, run recovered) {
	t.Helper()
	conn, err := b.Connect(b.ctx)
	must(t, err)
	defer conn.Close(b.ctx)
	var gone int64
	must(t, conn.QueryRow(b.ctx, "SELECT (SELECT sum(result_count) FROM experiments) - (SELECT count(*) FROM results)").Scan(&gone))
	if gone != run.damage.Rows[0].Deleted {
		t.Errorf("%d results are gone, the damage took %d: this is not the database that was there", gone, run.damage.Rows[0].Deleted)
	}
	must(t, b.write(5))
	b.Application.Stop()
	truth, err := b.Judge(b.ctx, run.damage)
	must(t, err)
	if truth.Loss.Missing != 0 || b.aside(t) != run.aside {
		t.Errorf("%d acknowledged rows are gone, %d directories aside, %d before", truth.Loss.Missing, b.aside(t), run.aside)
	}
	b.anew()
	must(t, b.write(5))
}

// recycle makes the server forget the WAL with the damage in it, as it does by itself
// within minutes: the next run knows of it by the search of the last one only.
func (b *bed) recycle(t *testing.T, damage scenario.Damage) {
	t.Helper()
	size := wal.DefaultSegmentSize
	segment := filepath.Join(b.Primary.DataDir, "pg_wal", size.Name(size.SegmentAt(1, damage.After)))
	must(t, b.await("the WAL with the damage to be recycled", func() (bool, error) {
		if _, err := os.Stat(segment); os.IsNotExist(err) {
			return true, nil
		}
		return false, b.Primary.Exec(b.ctx, "postgres", "SELECT pg_logical_emit_message(false, 'recycle', '')", "SELECT pg_switch_wal()", "CHECKPOINT")
	}))
}

// undoEverywhere runs starter undo on the hosts in turn until nothing is pending.
func (b *bed) undoEverywhere(t *testing.T) (titles []string) {
	t.Helper()
	type pending struct {
		Records []struct {
			Title   string `json:"title"`
			Outcome string `json:"outcome"`
		} `json:"records"`
	}
	hosts := []string{b.Primary.Host, b.Stack.Database().Endpoint.Host, b.Replica.Host}
	for range 4 {
		for _, host := range hosts {
			args := []string{"undo", "--run", b.WorkflowID(), "--host", host, "--state-dir", b.StateDir(host), "--yes", "--force", "--reason", "the run was terminated"}
			if signer := b.Keys.Signer[host]; signer != "" {
				args = append(args, "--signer", signer)
			}
			var done pending
			err := b.Starter(b.ctx, &done, args...)
			var refused *scenario.RefusedError
			if err != nil && (!errors.As(err, &refused) || !strings.Contains(refused.Message, "on host ")) {
				must(t, err)
			}
			if err == nil && len(done.Records) == 0 {
				return titles
			}
			for _, one := range done.Records {
				titles = append(titles, one.Title)
			}
		}
	}
	t.Fatalf("still pending after undoing %q", titles)
	return nil
}
