package runbook_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/terragonlabs/holdfast/testsuite/replay"
)

var record = flag.Bool("record", false, "record histories under testdata/replay") //nolint:gochecknoglobals // a flag

func replayer() worker.WorkflowReplayer {
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflow(MoveHouse)
	return r
}

// TestRecordedHistoriesReplay is the release gate for changes to the kit.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	replayed, err := replay.Files(replayer(), "testdata/replay")
	require.NoError(t, err)
	require.GreaterOrEqual(t, replayed, 2)
}

// requireReplay replays what the server just recorded, and keeps it on request.
func (s *server) requireReplay(id string, runs map[string]string) {
	s.t.Helper()
	for name, run := range runs {
		h, err := replay.Fetch(s.t.Context(), s.client, id, run)
		require.NoError(s.t, err)
		require.NoError(s.t, replay.Run(replayer(), h))
		if *record {
			require.NoError(s.t, replay.Record(h, "testdata/replay/"+name+".json"))
		}
	}
}
