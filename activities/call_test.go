package activities_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// TestUndoRecordsNameCompensationsOnly: records lie in the stores unsigned, and
// are carried out with the rights of whoever runs the undo.
func TestUndoRecordsNameCompensationsOnly(t *testing.T) {
	t.Parallel()
	set := &activities.Set{Postgres: postgres.New(postgres.Config{}), Routing: &routing.Activities{}}
	for _, name := range []string{"postgres.Promote", "postgres.SwapIn", "postgres.FenceWrites", "evidence.PutPage", ""} {
		if err := set.Call(t.Context(), evidence.Lease{}, name, json.RawMessage(`{}`)); !failure.Is(err, failure.Refused) {
			t.Errorf("Call(%q) = %v, want Refused", name, err)
		}
	}
}

// TestEveryRegisteredUndoCanBeCalled: what a runbook registers, `starter undo` must
// be able to carry out without Temporal.
func TestEveryRegisteredUndoCanBeCalled(t *testing.T) {
	t.Parallel()
	registered := regexp.MustCompile(`runbook\.(?:Undo|Teardown)\([^,]+, "[^"]+", (\w+)\.Ref\.(\w+)`)
	files, err := filepath.Glob("../workflows/*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	set, found := &activities.Set{}, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range registered.FindAllStringSubmatch(string(text), -1) {
			found++
			// This process offers none: NotFound, not Refused.
			if err := set.Call(t.Context(), evidence.Lease{}, match[1]+"."+match[2], json.RawMessage(`{}`)); !failure.Is(err, failure.NotFound) {
				t.Errorf("%s: Call(%s.%s) = %v, want NotFound", file, match[1], match[2], err)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d undo records found in the workflows, want at least 5", found)
	}
}
