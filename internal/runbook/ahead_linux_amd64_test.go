package runbook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/chaos/clock"
)

// TestWorkerWhoseClockIsAheadSaysSo: a step sent to a host whose clock is a day ahead
// fails at once, with the reason and what to do, and not after a silence.
func TestWorkerWhoseClockIsAheadSaysSo(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	process, _ := s.startStuck()
	t.Cleanup(func() {
		require.NoError(t, process.Process.Kill())
		_ = process.Wait() // it was killed; its status says so
	})
	require.Eventually(t, func() bool {
		polled, err := s.client.DescribeTaskQueue(t.Context(), hostQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		return err == nil && len(polled.Pollers) > 0
	}, 30*time.Second, 100*time.Millisecond, "the worker polls")
	require.NoError(t, clock.Step(process.Process.Pid, 24*time.Hour))

	begin := time.Now()
	run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "knock-ahead", TaskQueue: queue}, Knock, Input{Plan: extract(t)}, runbook.Announce)
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), "handed it out 24h0m")
	require.Less(t, time.Since(begin), 20*time.Second)
	failed := boundary.In(s.firstFailure(run.GetID()))
	require.Equal(t, failure.CheckFailed, failure.ClassOf(failed))
	require.Contains(t, failure.HintOf(failed), "timedatectl")
}

// firstFailure is what the first activity that failed in a run failed with.
func (s *server) firstFailure(id string) error {
	s.t.Helper()
	events := s.client.GetWorkflowHistory(s.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s.t, err)
		if failed := event.GetActivityTaskFailedEventAttributes(); failed != nil {
			return temporal.GetDefaultFailureConverter().FailureToError(failed.Failure)
		}
	}
	s.t.Fatalf("no activity of %s failed", id)
	return nil
}
