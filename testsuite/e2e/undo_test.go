package e2e_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestUndoWithoutTemporal: a run has fenced the database and moved its readers when
// Temporal and every worker are killed. While they live starter undo refuses; then
// it takes both back, each on its own host, newest first, and once.
func TestUndoWithoutTemporal(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Delete)
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	fenced := &fencing{house: h, t: t}
	h.requireRefusal(t, h.Follow(h.ctx, fenced), failure.CheckFailed, "fenced")
	h.requireFenced(t, true)

	database, pooler := h.Primary.Host, h.Database().Endpoint.Host
	h.requireRefusal(t, h.undo(nil, database, "--yes"), failure.Refused, "lease")
	h.requireFenced(t, true)
	h.killTemporal()

	force := []string{"--yes", "--force", "--reason", "Temporal is gone"}
	h.requireRefusal(t, h.undo(nil, database, "--yes"), failure.Refused, "lease") // it lives on for a while
	h.requireRefusal(t, h.undo(nil, database, force...), failure.Refused, "on host "+pooler)
	h.requireRefusal(t, h.undo(nil, pooler, force...), failure.Refused, "on host "+database) // the rest of it
	h.requireFenced(t, true)
	var done pending
	h.must(t, h.undo(&done, database, force...))
	if len(done.Records) == 0 || slices.ContainsFunc(done.Records, func(r undone) bool { return r.Outcome != "undone" }) {
		t.Errorf("undone: %+v", done.Records)
	}
	h.requireFenced(t, false)
	h.must(t, h.undo(&done, database, force...))
	if len(done.Records) != 0 {
		t.Errorf("pending after everything was undone: %+v", done.Records)
	}
	h.requireUntouched(t, damage)
}

// pending is what `starter undo -o json` prints.
type pending struct {
	Records []undone `json:"records"`
}

type undone struct {
	Title   string `json:"title"`
	Outcome string `json:"outcome"`
}

// undo runs starter undo as on host. A pooler's host has no signing key.
func (h *house) undo(into *pending, host string, further ...string) error {
	args := []string{"undo", "--run", h.WorkflowID(), "--host", host, "--state-dir", h.StateDir(host)}
	if host != h.Database().Endpoint.Host {
		args = append(args, "--signer", h.Keys.Signer[host])
	}
	if into == nil {
		into = &pending{}
	}
	*into = pending{}
	return h.Starter(h.ctx, into, append(args, further...)...)
}

// killTemporal ends the server and every worker as a lost machine does.
func (h *house) killTemporal() {
	h.Temporal.Kill()
	for _, worker := range h.Workers {
		worker.Kill()
	}
}

// requireFenced asks as the application does whether it may write. PgBouncer goes on
// refusing for a second after the last refused login (server_login_retry).
func (h *house) requireFenced(t *testing.T, want bool) {
	t.Helper()
	if want {
		require.Error(t, h.write(), "the application still writes")
		return
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) { assert.NoError(c, h.write()) }, 10*time.Second, 250*time.Millisecond)
}

func (h *house) write() error {
	role := h.Database().Roles[0].Name
	conn, err := pgx.Connect(h.ctx, h.Pooler.URL(h.Pooler.Writer, role, h.Passwords[role]))
	if err != nil {
		return err
	}
	_, err = conn.Exec(h.ctx, "UPDATE experiments SET result_count = result_count WHERE id = (SELECT min(id) FROM experiments)")
	_ = conn.Close(h.ctx) // the answer is there
	return err
}

// fencing ends the watch where the run waits for the restore to be approved.
type fencing struct {
	*house
	t *testing.T
}

func (*fencing) Step(runbook.StepReport) {}

func (f *fencing) Asked(_ context.Context, _ runbook.Status, question runbook.OpenQuestion) error {
	if !slices.Contains(question.Accepts, approval.Approve) {
		f.t.Errorf("asked %q", question.Title)
	}
	return &scenario.RefusedError{Class: failure.CheckFailed, Message: "fenced, as wanted", Hint: "go on"}
}
