package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
)

// Fetch returns the history of one run; runID "" means the newest.
func Fetch(ctx context.Context, c client.Client, workflowID, runID string) (*history.History, error) {
	events := c.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var h history.History
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("read history of %s: %w", workflowID, err)
		}
		h.Events = append(h.Events, event)
	}
	return &h, nil
}

// Record writes a history to path, for Files to replay. A file that is there is
// not overwritten: recorded histories are never changed, only added and removed.
func Record(h *history.History, path string) error {
	body, err := protojson.MarshalOptions{Multiline: true}.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode history: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder of histories: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("record history: %w", err)
	}
	if _, err := f.Write(append(body, '\n')); err != nil {
		return fmt.Errorf("record history: %w", err)
	}
	return f.Close()
}

// Run replays one history as the run it was recorded from: messages are bound
// to workflow and run IDs, so under the replayer's own ID they would be refused.
func Run(replayer worker.WorkflowReplayer, h *history.History) error {
	if len(h.GetEvents()) == 0 {
		return errors.New("history is empty")
	}
	started := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	options := worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()},
	}
	if err := replayer.ReplayWorkflowHistoryWithOptions(nil, h, options); err != nil {
		return fmt.Errorf("replay %s: %w", options.OriginalExecution.ID, err)
	}
	return nil
}

// Files replays every history under dir and returns how many there were. None at
// all is an error: a gate with nothing to check is open.
func Files(replayer worker.WorkflowReplayer, dir string) (int, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return 0, fmt.Errorf("list histories: %w", err)
	}
	if len(paths) == 0 {
		return 0, fmt.Errorf("no histories in %s", dir)
	}
	for _, path := range paths {
		if err := runFile(replayer, path); err != nil {
			return 0, fmt.Errorf("replay %s: %w", path, err)
		}
	}
	return len(paths), nil
}

func runFile(replayer worker.WorkflowReplayer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return Run(replayer, h)
}
