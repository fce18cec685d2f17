package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// leaseOut is who may change the service now.
type leaseOut struct {
	Free    bool      `json:"free"` // nobody, or the run itself and no longer
	Holder  string    `json:"holder,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Known   bool      `json:"known"` // false: too few stores answered
	Why     string    `json:"why"`
}

// leaseOf asks the stores. The run's own lease counts as another holder's while
// it lives: then its workflow may still be acting.
func leaseOf(ctx context.Context, stores []store.Store, service string, run evidence.Run) leaseOut {
	state, err := recovery.Ballot{Views: evidence.Survey(ctx, stores, service)}.State()
	if err != nil {
		return leaseOut{Why: "unknown: " + firstLine(err.Error())}
	}
	out := leaseOut{Free: state.Free, Holder: state.Holder, Expires: state.Expires, Known: true, Why: "nobody holds it"}
	if !state.Free {
		holder := state.Holder
		if holder == run.WorkflowID+"/"+run.FirstRunID {
			holder = "the run itself"
		}
		out.Why = fmt.Sprintf("held by %s until %s: %s", holder, state.Expires.UTC().Format(time.RFC3339), state.Why)
	}
	return out
}

// permit refuses while somebody else may be acting, and asks a person.
func (a *app) permit(u undoing, out pendingUndos) error {
	if !out.Lease.Free && !u.force && out.Lease.Holder != u.holder(out.Run) {
		return failure.New(failure.Refused, "the lease on %s is not free: %s", u.leaseName(), out.Lease.Why).
			WithHint("end the run first (temporal workflow terminate --workflow-id %s), wait for its lease to end, or: --force --reason TEXT", shownWord(u.run))
	}
	if u.yes {
		return nil
	}
	return a.confirm(fmt.Sprintf("Undo these on host %q of %s now?", u.host.name, out.Run.WorkflowID))
}

// breakGlass is what is recorded in the stores before anything is undone by
// hand: who, where, why, and what the lease said.
type breakGlass struct {
	At     time.Time `json:"at"`
	User   string    `json:"user"` // of the operating system; nobody signed for it
	Host   string    `json:"host"`
	Forced bool      `json:"forced"`
	Reason string    `json:"reason,omitempty"`
	Lease  leaseOut  `json:"lease"`
	Undos  []int     `json:"undos"`
}

// caller carries out one compensation under a lease.
type caller func(ctx context.Context, lease evidence.Lease, activity string, input json.RawMessage) error

// carryOut undoes the records that belong here, last first, and records each
// outcome in the stores. It stops at the first that fails, since earlier ones may
// depend on it. Run again it does what is left; a record that was undone and not
// yet recorded is undone again, which every compensation allows.
func (a *app) carryOut(ctx context.Context, u undoing, stores []store.Store, call caller, out *pendingUndos) (err error) {
	if err := recordBreakGlass(ctx, u, stores, *out); err != nil {
		return err
	}
	lease, release, err := u.hold(ctx, stores, *out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	record := &evidence.Activities{Stores: stores}
	for i := range out.Records {
		one := &out.Records[i]
		if !one.Here {
			if u.skipOthers {
				a.say("%s %d. %s: left for host %s\n", a.color(yellow, "–"), one.Number, one.Title, hostOf(one.UndoRecord))
				continue
			}
			return failure.New(failure.Refused, "record %d (%s) must be undone first, on host %s", one.Number, one.Title, hostOf(one.UndoRecord)).
				WithHint("on that host: starter undo --run %s --host %s; if it is gone for good: --skip-others", shownWord(u.run), hostOf(one.UndoRecord))
		}
		if err := call(ctx, lease, one.Activity, one.Input); err != nil {
			one.Error = err.Error()
			return failure.Wrap(failure.ClassOf(err), err, "undo %d (%s)", one.Number, one.Title)
		}
		if _, err := record.RecordUndone(ctx, evidence.UndoneIn{
			Run: out.Run, Number: one.Number, Outcome: evidence.Undone, At: time.Now().UTC(),
		}); err != nil {
			return failure.Wrap(failure.ClassOf(err), err, "%d (%s) was undone; record that", one.Number, one.Title)
		}
		one.Outcome = string(evidence.Undone)
		a.say("%s %d. %s\n", a.color(green, "✓"), one.Number, one.Title)
	}
	return nil
}

// say prints progress for people only.
func (a *app) say(format string, args ...any) {
	if a.format != formatJSON {
		fmt.Fprintf(a.out, format, args...)
	}
}

// recordBreakGlass writes under a name of this moment: two people who do it at
// once both leave their record.
func recordBreakGlass(ctx context.Context, u undoing, stores []store.Store, out pendingUndos) error {
	who := "unknown"
	if account, err := user.Current(); err == nil {
		who = account.Username
	}
	at := time.Now().UTC()
	note := breakGlass{At: at, User: who, Host: u.host.name, Forced: u.force, Reason: u.reason, Lease: out.Lease}
	for _, one := range out.Records {
		note.Undos = append(note.Undos, one.Number)
	}
	body, err := json.Marshal(note)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the record of this undo")
	}
	key := fmt.Sprintf("%sbreak-glass/%s-%d.json", out.Run.Folder(), at.Format("20060102T150405.000000000Z"), os.Getpid())
	_, err = replicate.Put(ctx, stores, key, body, time.Time{})
	return failure.Wrap(failure.ClassOf(err), err, "record this undo before it begins")
}

// oneLine prints an input in one line, bounded.
func oneLine(input json.RawMessage) string {
	const limit = 400
	var compact bytes.Buffer
	if err := json.Compact(&compact, input); err != nil {
		return "not readable: " + err.Error()
	}
	text := compact.String()
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + " …"
	}
	return text
}
