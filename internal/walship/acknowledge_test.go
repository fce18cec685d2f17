package walship_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// newSteadyBox waits for every store that answers, however busy the machine.
func newSteadyBox(t *testing.T) *sandbox {
	t.Helper()
	return newFakeBox(t).settings(func(s *settings.Settings) { s.Archive.Patience = time.Minute })
}

func (e *events) count(kind walship.EventKind, alarm bool) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, event := range e.list {
		if event.Kind == kind && event.Alarm == alarm {
			n++
		}
	}
	return n
}

// kindsOf returns the kinds of the alarms that stand, sorted.
func kindsOf(a *walship.Archiver) []walship.EventKind {
	var kinds []walship.EventKind
	for _, event := range a.Alarms() {
		kinds = append(kinds, event.Kind)
	}
	slices.Sort(kinds)
	return kinds
}

func wantAlarms(t *testing.T, a *walship.Archiver, kinds ...walship.EventKind) {
	t.Helper()
	slices.Sort(kinds)
	if got := kindsOf(a); !slices.Equal(got, kinds) {
		t.Errorf("alarms %v stand, want %v", got, kinds)
	}
}

// bodies returns the sealed bytes of everything in a store, by key.
func bodies(t *testing.T, from store.Store) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for _, key := range keysUnder(t, from, "v1/") {
		body, _, err := from.Get(t.Context(), key, store.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(body)
		if err != nil || body.Close() != nil {
			t.Fatal(err)
		}
		found[key] = content
	}
	return found
}

func (b *sandbox) wantSame(t *testing.T, objects int) {
	t.Helper()
	near, far := bodies(t, b.opts.Stores[0]), bodies(t, b.opts.Stores[1])
	if len(near) != objects || len(far) != objects {
		t.Fatalf("near holds %d objects, far %d, want %d", len(near), len(far), objects)
	}
	for key, body := range near {
		if !bytes.Equal(body, far[key]) {
			t.Errorf("the stores hold two sealings of %s", key)
		}
	}
}

func push(t *testing.T, a *walship.Archiver, name string) {
	t.Helper()
	if err := a.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Fatal(err)
	}
}

func repair(t *testing.T, a *walship.Archiver, storeName string) {
	t.Helper()
	if err := a.RepairStore(t.Context(), storeName); err != nil {
		t.Fatal(err)
	}
}

// A segment has one sealing, however often it is pushed before all stores hold it:
// session keys are released for the bytes that a store has.
func TestRetriedSegmentHasOneSealing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		between func(*testing.T, *sandbox, *walship.Archiver) *walship.Archiver
	}{
		{"pushed again", func(_ *testing.T, _ *sandbox, a *walship.Archiver) *walship.Archiver { return a }},
		{"after a restart", func(t *testing.T, b *sandbox, a *walship.Archiver) *walship.Archiver {
			t.Helper()
			a.Close()
			return b.archiver(t)
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			box := newSteadyBox(t)
			box.cutAll(true)
			name := box.segments(t, 1, 1)[0]
			archiver := box.archiver(t)
			wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
			archiver = c.between(t, box, archiver)
			box.switches[0].cut.Store(false)
			push(t, archiver, name)
			box.switches[1].cut.Store(false)
			repair(t, archiver, "far")
			box.wantSame(t, 1)
		})
	}
}

// With require: all a store that is down stops the archive: that is said once, stands
// until it is over, and what the others took is brought to it.
func TestRequireAllSaysThatItWaits(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	var seen events
	box.opts.OnEvent = seen.add
	box.settings(func(s *settings.Settings) { s.Archive.Require = settings.RequireAll })
	box.switches[1].cut.Store(true)
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	for range 4 {
		wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
		wantClass(t, archiver.RepairStore(t.Context(), "far"), failure.Unavailable)
		repair(t, archiver, "near")
		wantAlarms(t, archiver, walship.EventStoresDown, walship.EventStoreBehind)
	}
	if len(seen.list) != 2 {
		t.Errorf("told %+v, want each alarm once", seen.list)
	}
	box.switches[1].cut.Store(false)
	repair(t, archiver, "far")
	wantAlarms(t, archiver, walship.EventStoresDown)
	push(t, archiver, name)
	wantAlarms(t, archiver)
	box.wantSame(t, 1)
}

// breakSpool makes every write and removal in the spool fail, as root too, until mended.
func (b *sandbox) breakSpool(t *testing.T) (mend func()) {
	t.Helper()
	dir := filepath.Join(b.opts.Settings.Spool.Dir, "waiting")
	if err := os.Rename(dir, dir+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+".aside", dir); err != nil {
			t.Fatal(err)
		}
	}
}

// One store holds it and one suffices: a spool that cannot be written stops nothing,
// is said, and is made up for once it can be.
func TestUnwritableSpoolStopsNoPushThatAStoreHolds(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	var seen events
	box.opts.OnEvent = seen.add
	names := box.segments(t, 1, 2)
	archiver := box.archiver(t)
	box.switches[1].cut.Store(true)
	mend := box.breakSpool(t)
	for _, name := range names {
		push(t, archiver, name)
	}
	wantAlarms(t, archiver, walship.EventSpoolFull, walship.EventStoreBehind)
	mend()
	wantClass(t, archiver.RepairStore(t.Context(), "far"), failure.Unavailable)
	wantAlarms(t, archiver, walship.EventStoreBehind)
	archiver.Close()
	if told := seen.count(walship.EventSpoolFull, false); told != 0 {
		t.Errorf("%d objects were said to be forgotten", told)
	}
	again := box.archiver(t)
	box.switches[1].cut.Store(false)
	repair(t, again, "far")
	box.wantSame(t, 2)
}

func TestUnwritableSpoolIsRepairedFromMemory(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	box.switches[1].cut.Store(true)
	defer box.breakSpool(t)()
	push(t, archiver, name)
	box.switches[1].cut.Store(false)
	repair(t, archiver, "far")
	box.wantSame(t, 1)
}

// What this process alone knew is told by name when it ends without having written it.
func TestWhatIsForgottenIsTold(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	var seen events
	box.opts.OnEvent = seen.add
	names := box.segments(t, 1, 2)
	archiver := box.archiver(t)
	box.switches[1].cut.Store(true)
	defer box.breakSpool(t)()
	for _, name := range names {
		push(t, archiver, name)
	}
	archiver.Close()
	if told := seen.count(walship.EventSpoolFull, false); told != 2 {
		t.Errorf("%d of 2 forgotten objects were told: %+v", told, seen.list)
	}
}

func TestUnwritableSpoolAndNoStoreIsAnAlarm(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	box.settings(func(s *settings.Settings) {
		s.Archive.OnStoresDown, s.Archive.HeadroomBytes = settings.SpoolAtHeadroom, 1<<60
	})
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	box.cutAll(true)
	mend := box.breakSpool(t)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	wantAlarms(t, archiver, walship.EventStoresDown, walship.EventSpoolFull)
	repair(t, archiver, "near") // has nothing to do, and says nothing about the spool
	wantAlarms(t, archiver, walship.EventStoresDown, walship.EventSpoolFull)
	mend()
	box.cutAll(false)
	push(t, archiver, name) // far is left alone until its repairer has looked
	repair(t, archiver, "far")
	push(t, archiver, name)
	wantAlarms(t, archiver)
}

// A conflict stands until every store holds what is pushed under that name, and hides
// no other.
func TestConflictEndsWhenTheStoresAgree(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	var seen events
	box.opts.OnEvent = seen.add
	names := box.segments(t, 1, 3)
	archiver := box.archiver(t)
	for _, name := range names {
		push(t, archiver, name)
	}
	for i, name := range names[:2] {
		box.spoil(t, name)
		for range 2 {
			wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Exists)
		}
		if told := seen.count(walship.EventConflict, true); told != i+1 {
			t.Errorf("%d conflicts told, %d happened", told, i+1)
		}
	}
	push(t, archiver, names[2])
	wantAlarms(t, archiver, walship.EventConflict)
	alarm := archiver.Alarms()[0]
	if !strings.Contains(alarm.Object, names[1]) || !strings.Contains(alarm.Message, "1 more file") {
		t.Errorf("the alarm names %s: %s", alarm.Object, alarm.Message)
	}
	for i, name := range box.segments(t, 1, 2) {
		wantAlarms(t, archiver, walship.EventConflict)
		push(t, archiver, name)
		if ended := seen.count(walship.EventConflict, false); ended != i+1 {
			t.Errorf("%d conflicts ended, want %d", ended, i+1)
		}
	}
	wantAlarms(t, archiver)
	box.spoil(t, names[0])
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+names[0]), failure.Exists)
	if told := seen.count(walship.EventConflict, true); told != 3 {
		t.Errorf("%d conflicts told, the third happened", told)
	}
}

// spoil writes other content under a segment's name.
func (b *sandbox) spoil(t *testing.T, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(b.opts.Settings.DataDir, "pg_wal", name))
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	b.put(t, name, content)
}
