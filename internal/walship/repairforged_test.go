package walship_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// forge replaces everything in a store without versions, and returns what was there.
func (b *sandbox) forge(t *testing.T, index int) map[string][]byte {
	t.Helper()
	before := bodies(t, b.opts.Stores[index])
	for key := range before {
		b.replace(t, index, key, b.sealed(t, []byte("forged"), key))
	}
	return before
}

func (b *sandbox) replace(t *testing.T, index int, key string, body []byte) {
	t.Helper()
	b.remove(t, index, key)
	b.plant(t, index, key, body)
}

// lose closes an archiver, and loses its spool.
func (b *sandbox) lose(t *testing.T, a *walship.Archiver) {
	t.Helper()
	a.Close()
	if err := os.RemoveAll(b.opts.Settings.Spool.Dir); err != nil {
		t.Fatal(err)
	}
}

// wantRefused checks that far gets nothing of near's, who is named, and is still owed it.
func (b *sandbox) wantRefused(t *testing.T, a *walship.Archiver, key string) {
	t.Helper()
	repair(t, a, "far")
	if got := keysUnder(t, b.opts.Stores[1], "v1/"); len(got) > 0 {
		t.Errorf("far was given %v", got)
	}
	named := func(one walship.Event) bool {
		return one.Kind == walship.EventConflict && one.Object == key && one.Store == "far" && strings.Contains(one.Message, "near")
	}
	if alarms := a.Alarms(); !slices.ContainsFunc(alarms, named) {
		t.Errorf("alarms %+v do not name %s, near and far", alarms, key)
	}
	if left, err := os.ReadDir(filepath.Join(b.opts.Settings.Spool.Dir, "waiting")); err != nil || len(left) == 0 {
		t.Errorf("it is owed no more: %v, %v", left, err)
	}
}

// wantTrue checks that one store alone has segment 3 as PostgreSQL wrote it.
func (b *sandbox) wantTrue(t *testing.T, index int) {
	t.Helper()
	alone := sandbox{dir: b.dir, opts: b.opts}
	alone.opts.Stores = b.opts.Stores[index : index+1]
	if err := alone.fetch(t, third); err != nil || !bytes.Equal(alone.recovered(t), makeSegment(b.size(), wal.Segment{Timeline: 1, Number: 3})) {
		t.Errorf("store %d does not hold what PostgreSQL wrote: %v", index, err)
	}
}

// What a killed process left in one store, and noted nowhere, is no copy that can be
// trusted: the other gets PostgreSQL's bytes, whatever became of the first meanwhile.
func TestForgottenSegmentIsSealedAnew(t *testing.T) {
	t.Parallel()
	for what, between := range map[string]func(*testing.T, *sandbox){
		"untouched": func(*testing.T, *sandbox) {},
		"forged":    func(t *testing.T, b *sandbox) { t.Helper(); b.forge(t, 0) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			box := newSteadyBox(t)
			name := box.segments(t, 3, 3)[0]
			box.switches[1].cut.Store(true)
			archiver := box.archiver(t)
			push(t, archiver, name)
			box.lose(t, archiver)
			archiver = box.archiver(t)
			push(t, archiver, name)
			between(t, box)
			box.switches[1].cut.Store(false)
			repair(t, archiver, "far")
			wantAlarms(t, archiver)
			if left, _ := os.ReadDir(filepath.Join(box.opts.Settings.Spool.Dir, "waiting")); len(left) > 0 {
				t.Errorf("the spool still holds %v", left)
			}
			box.wantTrue(t, 1)
		})
	}
}

// Where the spool had no room for the bytes, another store's copy is brought to the one
// that lacks it only while it is what was sealed.
func TestForgedCopyIsNotRepairedFrom(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	box.settings(func(s *settings.Settings) { s.Spool.MaxBytes = 1 << 19 }) // of a segment's half
	name := box.segments(t, 1, 1)[0]
	box.switches[1].cut.Store(true)
	archiver := box.archiver(t)
	push(t, archiver, name)
	before := box.forge(t, 0)
	box.switches[1].cut.Store(false)
	for key, body := range before {
		for range 2 {
			box.wantRefused(t, archiver, key)
		}
		box.replace(t, 0, key, body)
	}
	repair(t, archiver, "far")
	wantAlarms(t, archiver)
	box.wantSame(t, 1)
}

// An entry that says nothing of the bytes, as older daemons left them, vouches for no copy.
func TestWithoutADigestNothingIsCopied(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	name := box.segments(t, 1, 1)[0]
	box.switches[1].cut.Store(true)
	archiver := box.archiver(t)
	push(t, archiver, name)
	archiver.Close()
	waiting := filepath.Join(box.opts.Settings.Spool.Dir, "waiting")
	files, err := filepath.Glob(filepath.Join(waiting, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var entry map[string]any
	if err := json.Unmarshal(text, &entry); err != nil {
		t.Fatal(err)
	}
	entry["has_body"], entry["size_bytes"], entry["sha256"] = false, 0, strings.Repeat("0", 64)
	if text, err = json.Marshal(entry); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	archiver = box.archiver(t)
	box.switches[1].cut.Store(false)
	box.wantRefused(t, archiver, keysUnder(t, box.opts.Stores[0], "v1/")[0])
	push(t, archiver, name) // PostgreSQL's bytes settle it
	wantAlarms(t, archiver)
}

// With require: all PostgreSQL offers the segment again: its bytes go where near's are not
// what was sealed.
func TestForgedCopyIsNotPushedOn(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	box.settings(func(s *settings.Settings) { s.Archive.Require, s.Spool.MaxBytes = settings.RequireAll, 1<<19 })
	name := box.segments(t, 3, 3)[0]
	box.switches[1].cut.Store(true)
	archiver := box.archiver(t)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	box.forge(t, 0)
	box.switches[1].cut.Store(false)
	repair(t, archiver, "far")
	push(t, archiver, name)
	box.wantTrue(t, 1)
}
