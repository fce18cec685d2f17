package databasecorruption_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/activities/clock"
	stored "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/notify"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

// world is what the run acts on: two clusters on a host, a replica, readers. Its
// activities keep the rules of the real ones: idempotent, identity checked, the
// undo of what never began succeeds. It is to the workflow what the servers of
// testsuite are to the activities.
type world struct {
	primary  string // host of the plan
	mu       sync.Mutex
	effects  []string              // every activity that was called, in order
	fail     map[string][]error    // by activity: one for each call, then success
	answer   map[string]any        // by activity: instead of the usual output
	mails    []notify.MailInput    // sent
	state    state                 //
	after    func(activity string) // called when the effect is there and its result is not yet
	canceled atomic.Bool
	pending  func() ([]stored.UndoRecord, error) // what the stores say is to be undone
	early    []string                            // dangers whose undo was not in the stores
	judge    func(postgres.CommitInput) error    // a host's judgement of a commit
	permit   func(keys.ReleaseInput) error       // the key holder's of a restore
	told     []string                            // hosts that recorded the commit
}

// state is what must be as it was when a run was undone.
type state struct {
	Serving     string // incarnation at the service port
	Restored    string // incarnation beside it; "": none
	Fenced      map[string]bool
	Readers     routing.Server
	Workspace   bool
	NewReplica  bool
	ReplicaGone bool // its host does not answer
}

var (
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) // the disruption
	damaged  = postgres.Identity{SystemID: 7001, Timeline: 1, Incarnation: "before"}
	restored = postgres.Identity{SystemID: 7001, Timeline: 2, Incarnation: "after"}
	readers  = routing.Server{Address: "198.51.100.7", Port: 5432} // where they are sent before
)

// kept marks the restored cluster once it was swapped out again.
const kept = "kept"

func newWorld() *world {
	return &world{
		fail: map[string][]error{}, answer: map[string]any{},
		state: state{Serving: damaged.Incarnation, Fenced: map[string]bool{}, Readers: readers},
	}
}

// dangers are the activities that change something, with the undo that must be
// in the stores before.
func dangers() map[string]string {
	return map[string]string{
		"postgres.FenceWrites": "postgres.LiftFence", "postgres.PrepareWorkspace": "postgres.RemoveWorkspace",
		"postgres.FetchBase": "postgres.RemoveWorkspace", "postgres.Replay": "postgres.RemoveWorkspace",
		"postgres.Promote": "postgres.RemoveWorkspace", "postgres.SwapIn": "postgres.SwapBack",
		"postgres.RebuildReplica": "postgres.RestoreReplica",
	}
}

// act is one call of an activity.
func act[O any](w *world, activity string, out O, change func() error) (O, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, dangerous := dangers()[activity]; dangerous && w.canceled.Load() {
		// The SDK's test environment does not wait for what is under way, as a
		// server does: it must not happen after its own undo.
		return out, temporal.NewCanceledError()
	}
	w.effects = append(w.effects, activity)
	if w.after != nil {
		defer w.after(activity)
	}
	if errs := w.fail[activity]; len(errs) > 0 {
		w.fail[activity] = errs[1:]
		if errs[0] != nil {
			var none O
			return none, boundary.Out(errs[0])
		}
	}
	w.checkUndo(activity)
	if other, ok := w.answer[activity].(O); ok {
		out = other
	}
	return out, boundary.Out(change())
}

func (w *world) checkUndo(activity string) {
	undo, dangerous := dangers()[activity]
	if !dangerous {
		return
	}
	records, err := w.pending()
	if err != nil || !slices.ContainsFunc(records, func(r stored.UndoRecord) bool { return r.Activity == undo }) {
		w.early = append(w.early, activity)
	}
}

func nothing() error { return nil }

func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.effects)
}

// requireAsBefore: the run left nothing behind.
func (w *world) requireAsBefore(t *testing.T) {
	t.Helper()
	want := newWorld().state
	want.ReplicaGone = w.state.ReplicaGone
	// The fence of a restored copy that was never cut over goes with its workspace.
	delete(w.state.Fenced, restored.Incarnation)
	if w.state.Restored == kept { // what had been cut over to stays for people to look at
		w.state.Restored = ""
	}
	require.Equal(t, want, w.state, "effects %v", w.effects)
	require.Empty(t, w.early, "the undo is in the stores before the danger")
}

func (w *world) fence(in postgres.FenceInput, on bool) error {
	at := w.state.Serving
	if in.Side == postgres.Restored {
		at = w.state.Restored
	}
	if at != in.Expect.Incarnation {
		return failure.New(failure.IdentityMismatch, "%s is %q, not %q", in.Side, at, in.Expect.Incarnation)
	}
	delete(w.state.Fenced, at)
	if on {
		w.state.Fenced[at] = true
	}
	return nil
}

func (w *world) swap(in postgres.SwapInput, back bool) error {
	switch {
	case back && w.state.Serving == in.Restored.Incarnation:
		w.state.Serving, w.state.Restored = in.Damaged.Incarnation, kept
	case !back && w.state.Serving == in.Damaged.Incarnation && w.state.Restored == in.Restored.Incarnation:
		w.state.Serving, w.state.Restored = in.Restored.Incarnation, ""
	case !back && w.state.Serving != in.Restored.Incarnation:
		return failure.New(failure.IdentityMismatch, "nothing to swap in")
	}
	return nil
}

// pg are the activities of a database host.
type pg struct{ *world }

func (p pg) FenceWrites(_ context.Context, in postgres.FenceInput) (postgres.Fence, error) {
	out := postgres.Fence{At: noon.Add(11 * time.Minute), LSN: 0x9000000, Newest: beat(1000, 11*time.Minute-2*time.Second)}
	return act(p.world, "postgres.FenceWrites", out, func() error { return p.fence(in, true) })
}

func (p pg) LiftFence(_ context.Context, in postgres.FenceInput) (postgres.Fence, error) {
	return act(p.world, "postgres.LiftFence", postgres.Fence{}, func() error { return p.fence(in, false) })
}

func (p pg) PrepareWorkspace(_ context.Context, in postgres.WorkspaceInput) (postgres.Workspace, error) {
	return act(p.world, "postgres.PrepareWorkspace", postgres.Workspace{Created: true, NeedBytes: in.NeedBytes}, func() error {
		if in.Warrant == nil {
			return failure.New(failure.Forbidden, "unsigned")
		}
		p.state.Workspace = true
		return nil
	})
}

func (p pg) RemoveWorkspace(context.Context, postgres.WorkspaceInput) (postgres.Workspace, error) {
	return act(p.world, "postgres.RemoveWorkspace", postgres.Workspace{}, func() error {
		p.state.Workspace = false
		if p.state.Restored != kept {
			p.state.Restored = ""
		}
		return nil
	})
}

func (p pg) RequestKeys(context.Context, postgres.KeysInput) (postgres.KeyRequest, error) {
	return act(p.world, "postgres.RequestKeys", postgres.KeyRequest{Object: "v1/runs/x/request.json", SHA256: "aa", Sets: 1, Objects: 2}, nothing)
}

func (p pg) FetchBase(context.Context, postgres.FetchInput) (postgres.Fetched, error) {
	return act(p.world, "postgres.FetchBase", postgres.Fetched{Files: 3, Bytes: 1 << 30}, nothing)
}

func (p pg) Replay(context.Context, postgres.ReplayInput) (postgres.Replayed, error) {
	return act(p.world, "postgres.Replay", postgres.Replayed{Reached: reached()}, nothing)
}

func (p pg) Promote(context.Context, postgres.PromoteInput) (postgres.Promoted, error) {
	return act(p.world, "postgres.Promote", postgres.Promoted{Identity: restored, Switch: reached().LSN}, func() error {
		p.state.Restored = restored.Incarnation
		return nil
	})
}

func (p pg) SwapIn(_ context.Context, in postgres.SwapInput) (postgres.Swapped, error) {
	out := postgres.Swapped{ServingDir: "/serving", AsideDir: "/aside", AsidePort: 6101, Serving: restored, AsideReads: true}
	return act(p.world, "postgres.SwapIn", out, func() error { return p.swap(in, false) })
}

func (p pg) SwapBack(_ context.Context, in postgres.SwapInput) (postgres.Swapped, error) {
	return act(p.world, "postgres.SwapBack", postgres.Swapped{Serving: damaged}, func() error { return p.swap(in, true) })
}

func (p pg) RebuildReplica(context.Context, postgres.ReplicaInput) (postgres.Replica, error) {
	return act(p.world, "postgres.RebuildReplica", postgres.Replica{Identity: restored}, func() error {
		p.state.NewReplica = true
		return nil
	})
}

func (p pg) RecordCommit(_ context.Context, in postgres.CommitInput) (postgres.Committed, error) {
	return act(p.world, "postgres.RecordCommit", postgres.Committed{At: noon}, func() error {
		if p.state.Serving != in.Restored.Incarnation {
			return failure.New(failure.IdentityMismatch, "%q serves", p.state.Serving)
		}
		p.told = append(p.told, in.Host)
		return p.judge(in)
	})
}

func (p pg) RestoreReplica(context.Context, postgres.ReplicaInput) (postgres.Replica, error) {
	return act(p.world, "postgres.RestoreReplica", postgres.Replica{Identity: damaged}, func() error {
		p.state.NewReplica = false
		return nil
	})
}

func (p pg) BackUp(_ context.Context, in postgres.BackupInput) (postgres.BackedUp, error) {
	return act(p.world, "postgres.BackUp", postgres.BackedUp{Set: recovery.SetSummary{ID: "set-after", SystemID: in.Expect.SystemID}}, nothing)
}

func (p pg) ProveArchiving(context.Context, postgres.ArchiveInput) (postgres.Archived, error) {
	return act(p.world, "postgres.ProveArchiving", postgres.Archived{Segment: "000000020000000000000005", Stores: []string{"one"}}, nothing)
}

// endpoint is where readers are sent from.
type endpoint struct{ *world }

func (e endpoint) Readers(context.Context, routing.Input) (routing.Server, error) {
	return act(e.world, "routing.Readers", readers, nothing)
}

func (e endpoint) SendReaders(_ context.Context, in routing.Redirection) (routing.Server, error) {
	return act(e.world, "routing.SendReaders", in.To, func() error {
		if in.Warrant == nil || in.Run == "" || in.Back != (in.To == readers) {
			return failure.New(failure.Forbidden, "run %q sends readers to %s, unsigned", in.Run, in.To)
		}
		e.state.Readers = in.To
		return nil
	})
}

// timepiece is a host's clock that is right by the workflow's.
type timepiece struct{}

func (*timepiece) Read(_ context.Context, in clock.Question) (clock.Reading, error) {
	return clock.Reading{At: in.Asked}, nil
}

// post is the mail server.
type post struct{ *world }

func (p post) Mail(_ context.Context, in notify.MailInput) (notify.MailResult, error) {
	return act(p.world, "notify.Mail", notify.MailResult{}, func() error {
		p.mails = append(p.mails, in)
		return nil
	})
}

func pendingIn(t *testing.T, stores []store.Store, run stored.Run) []stored.UndoRecord {
	t.Helper()
	records, err := stored.Pending(context.Background(), stores, run) //nolint:usetesting // also asked after the test's context ended
	require.NoError(t, err)
	return records
}
