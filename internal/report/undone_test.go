package report_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/report"
)

// TestUndoneIsTold: what a run changed and did not keep has a table of its own,
// also where an undo failed. A commit is not an undo.
func TestUndoneIsTold(t *testing.T) {
	t.Parallel()
	in := report.Input{}
	require.NotContains(t, string(report.Markdown(in)), "What Was Undone")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in.Timeline = []evidence.Entry{
		{Seq: 1, At: at, Kind: evidence.UndoRegistered, Title: "Lift the fence"},
		{Seq: 2, At: at, Kind: evidence.UndoDropped, Title: "Swap back"},
		{Seq: 3, At: at, Kind: evidence.UndoFailed, Title: "Send readers back", Target: "host.a", Detail: "no answer"},
		{Seq: 4, At: at, Kind: evidence.UndoRan, Title: "Lift the fence", Target: "host.b"},
	}
	text := string(report.Markdown(in))
	require.Contains(t, text, "## What Was Undone\n")
	require.Contains(t, text, "| Send readers back | NOT undone | 2026-03-01 12:00:00.000 UTC | host.a | no answer |\n| Lift the fence | undone | 2026-03-01 12:00:00.000 UTC | host.b | – |\n")
	require.NotContains(t, text, "| Swap back | undone", "it was kept")
}

// TestHeadNobodyKeptIsUnknown: no store is named where none said that it took the head.
func TestHeadNobodyKeptIsUnknown(t *testing.T) {
	t.Parallel()
	require.Contains(t, string(report.Markdown(report.Input{})), "| Head kept in | unknown |")
	require.Contains(t, string(report.Markdown(report.Input{HeadKept: "heads/7.json in one, two"})), "| Head kept in | heads/7.json in one, two |")
}
