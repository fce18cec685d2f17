package postgres

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

// feed hands WAL to a restored cluster while it replays. The session keys live
// in this process; PostgreSQL's restore_command asks it over a socket in the
// workspace, and waits while there is none: recovery stands still from the end of one
// attempt to the next. It never archives (L3).
type feed struct {
	command string // restore_command
	spool   string
	cancel  context.CancelFunc
	ended   chan error
}

const feedStart = 30 * time.Second

// feed starts to hand out the WAL of the choice.
func (a *Activities) feed(ctx context.Context, t target, choice recovery.Choice, sealed Sealed) (*feed, error) {
	keys, err := a.unseal(ctx, t, sealed)
	if err != nil {
		return nil, err
	}
	wanted, err := t.wanted()
	if err != nil {
		return nil, err
	}
	made, file, err := a.feedSettings(t, choice)
	if err != nil {
		return nil, err
	}
	serving, cancel := context.WithCancel(ctx)
	f := &feed{
		command: fmt.Sprintf("%s --config %s fetch %%f %%p", shellWord(a.WALProgram), shellWord(file)),
		spool:   made.Spool.Dir, cancel: cancel, ended: make(chan error, 1),
	}
	go func() {
		f.ended <- walship.Serve(serving, walship.Options{Settings: made, Stores: a.Stores, Keys: keys, Only: wanted, Log: a.Log})
	}()
	if err := f.ready(ctx, made.Socket); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// shellWord is a path as one word of a restore_command, which a shell reads after
// PostgreSQL replaced its percent signs.
func shellWord(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "%", "%%").Replace(path) + "'"
}

// ready returns once the socket answers.
func (f *feed) ready(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, feedStart)
	defer cancel()
	return pg.Poll(ctx, "the WAL feed", 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		select {
		case err := <-f.ended:
			f.ended <- err
			return false, failure.Wrap(failure.ClassOf(err), err, "serve WAL to the restored cluster")
		default:
		}
		_, err := wire.Ask(ctx, socket, wire.Request{Verb: wire.Status}, time.Second)
		return err == nil, nil
	})
}

// stop ends the feed and waits for it.
func (f *feed) stop() {
	f.cancel()
	<-f.ended
}

// repairs lists the objects that one store had damaged or lost and another gave. A
// log that cannot be read is no log without entries: it says so itself.
func (f *feed) repairs() []string {
	found, err := walship.ReadRepairs(f.spool)
	var out []string
	for i, repair := range found {
		if i == maxFindings {
			out = append(out, fmt.Sprintf("and %d more", len(found)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s of store %s: %s", repair.Object, repair.Store, repair.Reason))
	}
	if err != nil {
		out = append(out, "unknown which other copies were stepped over: "+err.Error())
	}
	return out
}

// feedSettings writes what the small binary needs to find this process. They name no
// worker: a fetch must not be answered by anybody who lacks the keys.
func (a *Activities) feedSettings(t target, choice recovery.Choice) (settings.Settings, string, error) {
	made := settings.Settings{
		Source: t.database.Name, SystemID: choice.Set.SystemID, SegmentSizeBytes: choice.SegmentSize,
		DataDir: t.workspace.DataDir(), Socket: filepath.Join(t.workspace.Dir, "wal.sock"), ReadOnly: true,
		Spool: settings.Spool{Dir: filepath.Join(t.workspace.Dir, "wal-spool")},
		Fetch: settings.Fetch{TailTimeline: tailTimeline(choice)},
	}
	for _, s := range a.Stores {
		made.Stores = append(made.Stores, settings.Store{Name: s.Name(), Provider: s.Capabilities().Provider})
	}
	text, err := yaml.Marshal(made)
	if err != nil {
		return made, "", failure.Wrap(failure.Internal, err, "write the settings of the WAL feed")
	}
	if made, err = settings.Parse(text); err != nil {
		return made, "", err
	}
	owner, err := pg.OwnerOf(t.host.DataDir)
	if err != nil {
		return made, "", err
	}
	file := filepath.Join(t.workspace.Dir, "wal.yaml")
	return made, file, owner.WriteFile(file, text, 0o600)
}

// tailTimeline allows the unfinished last segment only where the choice proved
// that it is the last one on the way to the target (L12).
func tailTimeline(choice recovery.Choice) wal.Timeline {
	if choice.TailUsed == nil {
		return 0
	}
	return choice.TailUsed.Timeline
}
