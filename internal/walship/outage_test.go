package walship_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// events collects what an archiver reports.
type events struct {
	mu   sync.Mutex
	list []walship.Event
}

func (e *events) add(event walship.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) has(kind walship.EventKind) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.list, func(event walship.Event) bool { return event.Kind == kind })
}

func TestStoreDownIsRepairedAfterwardsEvenByAnotherProcess(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	var seen events
	box.opts.OnEvent = seen.add
	box.switches[1].cut.Store(true)
	names := box.segments(t, 1, 4)
	archiver := box.archiver(t)
	for _, name := range names {
		if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
			t.Fatalf("any store suffices: %v", err)
		}
	}
	archiver.Close()
	if !seen.has(walship.EventStoreBehind) {
		t.Error("nobody was told")
	}
	if got := keysUnder(t, box.opts.Stores[0], "v1/"); len(got) != 4 {
		t.Fatalf("near holds %v", got)
	}
	again := box.archiver(t)
	if err := again.RepairStore(t.Context(), "far"); !failure.Is(err, failure.Unavailable) {
		t.Errorf("repair of a dead store: %v", err)
	}
	box.switches[1].cut.Store(false)
	if err := again.RepairStore(t.Context(), "far"); err != nil {
		t.Fatal(err)
	}
	near, far := keysUnder(t, box.opts.Stores[0], "v1/"), keysUnder(t, box.opts.Stores[1], "v1/")
	if !slices.Equal(near, far) {
		t.Errorf("near %v, far %v", near, far)
	}
	if left, _ := os.ReadDir(filepath.Join(box.opts.Settings.Spool.Dir, "waiting")); len(left) > 0 {
		t.Errorf("the spool still holds %v", left)
	}
	if !seen.has(walship.EventStoreCaughtUp) {
		t.Error("nobody was told that it is over")
	}
}

func TestNoStoreAnswersHoldsByDefault(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	box.cutAll(true)
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	box.cutAll(false)
	if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Errorf("when stores are back: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(box.opts.Settings.Spool.Dir, "waiting")); len(left) > 0 {
		t.Errorf("the spool still holds %v", left)
	}
}

func TestSpoolAcknowledgesOnlyBelowTheHeadroom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what     string
		headroom int64
		class    failure.Class
	}{{"room enough", 1, failure.Unavailable}, {"headroom gone", math.MaxInt64, ""}} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			box := newFakeBox(t)
			var seen events
			box.opts.OnEvent = seen.add
			box.settings(func(s *settings.Settings) {
				s.Archive.OnStoresDown, s.Archive.HeadroomBytes = settings.SpoolAtHeadroom, c.headroom
			})
			box.cutAll(true)
			name := box.segments(t, 1, 1)[0]
			archiver := box.archiver(t)
			err := archiver.Push(t.Context(), "pg_wal/"+name)
			if failure.ClassOf(err) != c.class {
				t.Errorf("got %v, want %q", err, c.class)
			}
			if seen.has(walship.EventSpoolOnly) != (c.class == "") {
				t.Error("spool-only is said when and only when it is so")
			}
		})
	}
}

func TestFullSpoolNeverAcknowledges(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) {
		s.Archive.OnStoresDown, s.Archive.HeadroomBytes, s.Spool.MaxBytes = settings.SpoolAtHeadroom, math.MaxInt64, 3<<20
	})
	box.cutAll(true)
	archiver := box.archiver(t)
	refused := 0
	for _, name := range box.segments(t, 1, 6) {
		if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
			refused++
			wantClass(t, err, failure.Unavailable)
		}
	}
	if refused == 0 || refused == 6 {
		t.Errorf("%d of 6 refused; the spool takes some and no more", refused)
	}
}

func TestRequireAllWaitsForAll(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) { s.Archive.Require = settings.RequireAll })
	box.switches[0].cut.Store(true)
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
}

// An object that a killed process left may be listed before its name is durable:
// its being listed acknowledges nothing.
func TestFoundObjectIsAcknowledgedOnlyOnceItIsDurable(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	name := box.segments(t, 1, 1)[0]
	archiver := box.archiver(t)
	if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Fatal(err)
	}
	for _, one := range box.switches {
		one.cutStat.Store(true)
	}
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	for _, one := range box.switches {
		one.cutStat.Store(false)
	}
	if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Error(err)
	}
}

func TestL29SilentStoreIsNeverTheEndOfWAL(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) { s.Fetch.Patience = 300 * time.Millisecond })
	box.switches[1].cut.Store(true)
	wantClass(t, box.fetch(t, "000000010000000000000007"), failure.Unavailable)
	wantClass(t, box.fetch(t, "00000002.history"), failure.Unavailable)
	box.switches[1].cut.Store(false)
	wantClass(t, box.fetch(t, "000000010000000000000007"), failure.NotFound)
}

func TestDamagedCopyIsTakenFromTheOtherStoreAndRecorded(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	name := box.segments(t, 1, 1)[0]
	want, err := os.ReadFile(filepath.Join(box.opts.Settings.DataDir, "pg_wal", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := walship.Push(t.Context(), box.opts, "pg_wal/"+name); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(box.dir, "near"))
	for range 10 { // whichever store answers first
		if err := box.fetch(t, name); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(box.opts.Settings.DataDir, "pg_wal", "RECOVERYXLOG")); err != nil || string(got) != string(want) {
		t.Errorf("other bytes came back: %v", err)
	}
	damage(t, filepath.Join(box.dir, "far"))
	wantClass(t, box.fetch(t, name), failure.Corrupt)
	text, err := os.ReadFile(filepath.Join(box.opts.Settings.Spool.Dir, walship.RepairsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var repair walship.Repair
		if err := json.Unmarshal([]byte(line), &repair); err != nil || repair.Store == "" || repair.Reason == "" {
			t.Errorf("repair %q: %v", line, err)
		}
	}
}

// damage flips a byte in the middle of every object of a directory store.
func damage(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 0x40
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestL4ProveNamesTheFirstMissingSegment(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	for i, name := range box.segments(t, 1, 9) {
		if i == 5 {
			continue
		}
		if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
			t.Fatal(err)
		}
	}
	c := box.cluster()
	proof, err := walship.Prove(t.Context(), c, []wal.Range{{Timeline: 1, First: 1, Last: 5}})
	if err != nil || len(proof) != 5 || len(proof[0].Stores) != 2 || proof[0].SizeBytes == 0 {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	_, err = walship.Prove(t.Context(), c, []wal.Range{{Timeline: 1, First: 1, Last: 9}})
	wantClass(t, err, failure.WALGap)
	if !strings.Contains(err.Error(), box.size().Name(wal.Segment{Timeline: 1, Number: 6})) {
		t.Errorf("%v does not name segment 6", err)
	}
	items, err := walship.KeyRequests(t.Context(), c, proof)
	if err != nil || len(items) != 5 || len(items[0].PKESK) == 0 {
		t.Fatalf("key requests %d, %v", len(items), err)
	}
	inventory, err := walship.TakeInventory(t.Context(), c)
	if err != nil || len(inventory.Ranges) != 2 || inventory.Ranges[0].Last != 5 || inventory.Ranges[1].First != 7 {
		t.Fatalf("inventory %+v, %v", inventory, err)
	}
	if len(inventory.Anomalies) != 1 || inventory.Anomalies[0].Kind != walship.AnomalyGap {
		t.Errorf("anomalies %+v", inventory.Anomalies)
	}
}
