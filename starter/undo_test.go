package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
)

var undoRun = evidence.Run{WorkflowID: "recover/booking-desk", FirstRunID: "6f1c"} //nolint:gochecknoglobals // a constant

// record leaves undo records as a run does before each danger: queue by queue.
func record(t *testing.T, stores []store.Store, run evidence.Run, queues ...string) {
	t.Helper()
	a := &evidence.Activities{Stores: stores}
	for i, queue := range queues {
		_, err := a.RecordUndo(t.Context(), evidence.UndoIn{Run: run, Service: "booking-desk", Undo: evidence.UndoRecord{
			Number: i + 1, Title: fmt.Sprintf("Undo step %d", i+1), Activity: "test.Undo", TaskQueue: queue,
			Input: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i+1)), At: time.Date(2026, 3, 1, 10, 15, i, 0, time.UTC),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// calls notes what is carried out, and fails at one of them.
type calls struct {
	done   []string
	failAt string
}

func (c *calls) call(_ context.Context, _ evidence.Lease, name string, input json.RawMessage) error {
	if string(input) == c.failAt {
		return failure.New(failure.Unavailable, "the host is busy")
	}
	c.done = append(c.done, name+string(input))
	return nil
}

func TestUndoLastFirstOnceAndInOrder(t *testing.T) {
	t.Parallel()
	stores := newStores(t).open(t)
	s := shelf{stores: stores}
	record(t, stores, undoRun, "control", "host.quay-1", "host.yard-1", "host.quay-1")
	u := undoing{run: undoRun.WorkflowID, host: hostFlags{name: "quay-1"}}
	undo := func(u undoing, c *calls) error {
		out, err := u.find(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return testApp().carryOut(t.Context(), u, stores, c.call, &out)
	}

	c := &calls{failAt: `{"n":4}`}
	if err := undo(u, c); !failure.Is(err, failure.Unavailable) || len(c.done) != 0 {
		t.Fatalf("a failed undo stops the rest: %v, did %v", err, c.done)
	}
	c = &calls{}
	if err := undo(u, c); !failure.Is(err, failure.Refused) || !strings.Contains(failure.HintOf(err), "--host yard-1") {
		t.Fatalf("number 3 belongs to yard-1: %v", err)
	}
	u.skipOthers = true
	if err := undo(u, c); err != nil {
		t.Fatal(err)
	}
	want := []string{`test.Undo{"n":4}`, `test.Undo{"n":2}`, `test.Undo{"n":1}`}
	if !slices.Equal(c.done, want) {
		t.Errorf("did %v, want %v", c.done, want)
	}
	if err := undo(u, c); err != nil || len(c.done) != 3 {
		t.Errorf("again: %v, did %v", err, c.done)
	}
	u.host.name = "yard-1"
	if err := undo(u, c); err != nil || len(c.done) != 4 {
		t.Errorf("on the other host: %v, did %v", err, c.done)
	}
}

func TestUndoIsRefusedWhileTheLeaseLives(t *testing.T) {
	t.Parallel()
	h := newStores(t)
	stores := h.open(t)
	record(t, stores, undoRun, "control")
	a := &evidence.Activities{Stores: stores}
	lease, err := a.AcquireLease(t.Context(), evidence.AcquireIn{Service: "booking-desk", Holder: undoRun.WorkflowID + "/" + undoRun.FirstRunID, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"undo", "--run", undoRun.WorkflowID, "--yes"}
	if complaints := h.must(t, failure.Refused.ExitCode(), args...); !strings.Contains(complaints, "held by the run itself") || !strings.Contains(complaints, "--force") {
		t.Errorf("refusal: %s", complaints)
	}
	// Forced, it goes on to an activity that is no compensation: the record stays
	// pending, and who forced it is in the stores.
	h.must(t, failure.Refused.ExitCode(), append(args, "--force", "--reason", "the server is gone")...)
	notes := 0
	for object, err := range stores[0].List(t.Context(), undoRun.Folder()+"break-glass/", store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if object.SizeBytes > 0 {
			notes++
		}
	}
	if notes != 1 {
		t.Errorf("%d records of the forced undo, want 1", notes)
	}
	if _, err := a.ReleaseLease(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if complaints := h.must(t, failure.Refused.ExitCode(), args[:3]...); !strings.Contains(complaints, "not confirmed") {
		t.Errorf("nobody said yes: %s", complaints)
	}
	out := decode[pendingUndos](t, h.must(t, 0, "undo", "--run", undoRun.WorkflowID, "--dry-run", "-o", "json"))
	if len(out.Records) != 1 || !out.Lease.Free || !out.Records[0].Here {
		t.Errorf("pending %+v", out)
	}
}

func TestUndoFindsTheOneRunThatIsMeant(t *testing.T) {
	t.Parallel()
	h := newStores(t)
	stores := h.open(t)
	h.must(t, failure.NotFound.ExitCode(), "undo", "--run", "recover/booking-desk")
	other := evidence.Run{WorkflowID: undoRun.WorkflowID, FirstRunID: "6f1c0"} // its folder's name begins with the other's
	record(t, stores, undoRun, "control")
	record(t, stores, other, "control", "control")
	if complaints := h.must(t, failure.InvalidInput.ExitCode(), "undo", "--run", undoRun.WorkflowID); !strings.Contains(complaints, "--first-run-id 6f1c0") {
		t.Errorf("two runs: %s", complaints)
	}
	out := decode[pendingUndos](t, h.must(t, 0, "undo", "--run", undoRun.WorkflowID, "--first-run-id", "6f1c", "--dry-run", "-o", "json"))
	if len(out.Records) != 1 {
		t.Errorf("pending %+v", out)
	}
	if text := h.must(t, 0, "undo", "--run", undoRun.WorkflowID, "--first-run-id", "6f1c0", "--dry-run"); !strings.Contains(text, `{"n":2}`) {
		t.Errorf("the exact target is not shown: %s", text)
	}
}

// TestUndoWhileAStoreIsDown: what the store that answers knows is undone when a person
// says so, and not before.
func TestUndoWhileAStoreIsDown(t *testing.T) {
	t.Parallel()
	stores := newStores(t).open(t)
	record(t, stores, undoRun, "control", "control")
	gone, err := file.Open(file.Config{Name: "gone", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	s := shelf{stores: []store.Store{stores[0], gone}}
	u := undoing{run: undoRun.WorkflowID, reason: "the provider is down"}
	if _, err := u.find(t.Context(), s); !failure.Is(err, failure.Unavailable) || !strings.Contains(failure.HintOf(err), "--force") {
		t.Errorf("unforced: %v, hint %q", err, failure.HintOf(err))
	}
	u.force = true
	out, err := u.find(t.Context(), s)
	if err != nil || out.Unread == "" || len(out.Records) != 2 {
		t.Fatalf("forced: %+v %v", out, err)
	}
	c := &calls{}
	if err := testApp().carryOut(t.Context(), u, s.stores, c.call, &out); err != nil || len(c.done) != 2 {
		t.Errorf("did %v, %v", c.done, err)
	}
	if out, err = u.find(t.Context(), shelf{stores: stores}); err != nil || len(out.Records) != 0 || out.Unread != "" {
		t.Errorf("pending when every store answers: %+v %v", out, err)
	}
}
