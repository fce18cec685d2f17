package runbook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// TestActivityNames holds the kit's names and the workers' registration together.
func TestActivityNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, stored.Prefix+"PutPage", runbook.ActivityName(stored.Ref.PutPage))
	require.Equal(t, "evidence.RecordUndo", runbook.ActivityName(stored.Ref.RecordUndo))
	require.Equal(t, "runbook_test.Look", runbook.ActivityName(door.Look))
}

// TestOptionTable compares the table of timeouts and retries with the golden
// file: a change of any of them is a decision that shows in review.
func TestOptionTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, row := range runbook.Table() {
		fmt.Fprintln(&b, row)
	}
	golden, err := os.ReadFile("testdata/options.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), b.String())
}
