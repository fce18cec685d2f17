package main

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/replay"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

const (
	recoveryLimit = 10 * time.Minute
	minSteps      = 20 // fewer say nothing about a 95th percentile
)

// measureRun plays a recovery on a small database and reads its history.
func measureRun(ctx context.Context, w *workshop, f *findings) error {
	if err := w.closeLab(); err != nil { // its servers would be in the way
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	var overheads []float64
	for range w.options.runs {
		one, err := w.recoverOnce(ctx, f)
		if err != nil {
			return err
		}
		overheads = append(overheads, one...)
	}
	if len(overheads) < minSteps {
		return failure.New(failure.CheckFailed, "only %d steps were found", len(overheads))
	}
	runs := f.raw["recovery"]
	f.limit(rowStepMedian, percentile(overheads, 50))
	f.limit(rowStepP95, percentile(overheads, 95))
	f.limit(rowEvents, percentile(figures(runs, "events"), 100))
	f.limit(rowHistoryBytes, percentile(figures(runs, "history MB"), 100))
	f.note("Overhead of a step: %d activities of %d recoveries, from the workflow task that scheduled one to the workflow task that saw its end, without its execution.", len(overheads), len(runs))
	return nil
}

// recoverOnce returns the overhead of each step of one recovery, in milliseconds.
func (w *workshop) recoverOnce(ctx context.Context, f *findings) (overheads []float64, err error) {
	s, err := scenario.Open(ctx, scenario.Options{PlanFile: w.options.plan, BinDir: w.programs, Size: dataset.Small()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	begin := time.Now()
	if err := play(ctx, s); err != nil {
		return nil, err
	}
	made := sample{Seconds: time.Since(begin).Seconds()}
	recorded, err := replay.Fetch(ctx, s.Client, s.WorkflowID(), "")
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "read the history")
	}
	if recorded.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId() != "" {
		return nil, failure.New(failure.CheckFailed, "the run continued as new: its last history is not all of it")
	}
	described, err := s.Client.DescribeWorkflowExecution(ctx, s.WorkflowID(), "")
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "describe the run")
	}
	info := described.GetWorkflowExecutionInfo()
	overheads = stepOverheads(recorded)
	made.Figures = map[string]float64{
		"events": float64(info.GetHistoryLength()), "history MB": float64(info.GetHistorySizeBytes()) / 1e6,
		"overhead median ms": percentile(overheads, 50), "overhead p95 ms": percentile(overheads, 95), "steps": float64(len(overheads)),
	}
	f.raw["recovery"] = append(f.raw["recovery"], made)
	w.say("  %-34s %s", "recovery", made)
	return overheads, nil
}

// play tells the whole story, with a bad migration.
func play(ctx context.Context, s *scenario.Scenario) error {
	const rows = 20
	for _, part := range []func(context.Context) error{
		s.Load, s.Protect,
		func(ctx context.Context) error { _, err := s.BackUp(ctx); return err },
		func(ctx context.Context) error { return s.WriteOn(ctx, rows) },
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	damage, err := s.Damage(ctx, scenario.Delete)
	if err != nil {
		return err
	}
	if err := s.WriteOn(ctx, rows); err != nil {
		return err
	}
	if _, err := s.Start(ctx, damage); err != nil {
		return err
	}
	if err := s.Follow(ctx, &scenario.Signer{Scenario: s}); err != nil {
		return err
	}
	_, err = s.Result(ctx)
	return failure.Wrap(failure.CheckFailed, err, "recover")
}

// stepOverheads returns for each activity, in milliseconds, what it took from the
// workflow task that scheduled it to the workflow task that saw its end, without
// its execution. Those that were tried more than once are left out: the history
// does not say how long the tries before took.
func stepOverheads(h *history.History) []float64 {
	times := map[int64]time.Time{}       // of every event
	scheduled := map[int64]time.Time{}   // by activity's event: start of the workflow task that asked for it
	started := map[int64]time.Time{}     // by activity's event: start of its execution
	ran := map[int64]time.Duration{}     // by activity's event, ended and not yet seen: its execution
	taskStarted := map[int64]time.Time{} // by event that completes a workflow task
	var overheads []float64
	for _, event := range h.GetEvents() {
		at := event.GetEventTime().AsTime()
		times[event.GetEventId()] = at
		switch event.GetEventType() { //nolint:exhaustive // the others say nothing about activities
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
			for id, execution := range ran {
				overheads = append(overheads, float64((at.Sub(scheduled[id])-execution).Microseconds())/1000)
			}
			clear(ran)
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			taskStarted[event.GetEventId()] = times[event.GetWorkflowTaskCompletedEventAttributes().GetStartedEventId()]
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			scheduled[event.GetEventId()] = taskStarted[event.GetActivityTaskScheduledEventAttributes().GetWorkflowTaskCompletedEventId()]
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			if attributes := event.GetActivityTaskStartedEventAttributes(); attributes.GetAttempt() == 1 {
				started[attributes.GetScheduledEventId()] = at
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			id := event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()
			if begin, once := started[id]; once {
				ran[id] = at.Sub(begin)
			}
		}
	}
	return overheads
}
