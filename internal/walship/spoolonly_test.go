package walship_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

func TestSpoolOnlySegmentsAreNotShippedAndStayAnAlarm(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) {
		s.Archive.OnStoresDown, s.Archive.HeadroomBytes = settings.SpoolAtHeadroom, math.MaxInt64
	})
	box.cutAll(true)
	name := box.segments(t, 3, 3)[0]
	archiver := box.archiver(t)
	if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Fatal(err)
	}
	seg := wal.Segment{Timeline: 1, Number: 3}
	piece := makeSegment(box.size(), seg)[:5000]
	wantClass(t, archiver.PushPiece(t.Context(), seg, box.size().Start(seg), piece), failure.Unavailable)
	archiver.Close()

	var seen events
	box.opts.OnEvent = seen.add
	next := box.archiver(t)
	if !seen.has(walship.EventSpoolOnly) {
		t.Error("the next process does not say that the only copy is in the spool")
	}
	box.cutAll(false)
	if err := next.PushPiece(t.Context(), seg, box.size().Start(seg), piece); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"near", "far"} {
		if err := next.RepairStore(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	next.Close()
	seen = events{}
	box.archiver(t)
	if seen.has(walship.EventSpoolOnly) {
		t.Error("said although the stores hold all")
	}
}

// One store that holds everything is enough for the spool not to be the only copy, however
// long the other stays down.
func TestSpoolOnlyEndsWithTheFirstStoreThatHoldsAll(t *testing.T) {
	t.Parallel()
	box := newSteadyBox(t)
	box.settings(func(s *settings.Settings) {
		s.Archive.Require, s.Archive.OnStoresDown, s.Archive.HeadroomBytes = settings.RequireAll, settings.SpoolAtHeadroom, math.MaxInt64
	})
	name := box.segments(t, 3, 3)[0]
	archiver := box.archiver(t)
	box.cutAll(true)
	push(t, archiver, name)
	wantAlarms(t, archiver, walship.EventStoresDown, walship.EventHeadroom, walship.EventSpoolOnly)
	wantClass(t, archiver.RepairStore(t.Context(), "near"), failure.Unavailable)
	wantAlarms(t, archiver, walship.EventStoresDown, walship.EventHeadroom, walship.EventSpoolOnly, walship.EventStoreBehind)
	box.switches[0].cut.Store(false)
	repair(t, archiver, "near")
	wantClass(t, archiver.RepairStore(t.Context(), "far"), failure.Unavailable)
	wantAlarms(t, archiver, walship.EventStoresDown, walship.EventHeadroom, walship.EventStoreBehind)
	archiver.Close()
	wantAlarms(t, box.archiver(t))
}

// What PostgreSQL was not told is archived it still keeps: the spool is not the only
// place that has it.
func TestSpooledSegmentsThatPostgreSQLKeepsAreNoAlarm(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.cutAll(true)
	name := box.segments(t, 3, 3)[0]
	status := filepath.Join(box.opts.Settings.DataDir, "pg_wal", "archive_status")
	if err := os.Mkdir(status, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(status, name+".ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	archiver := box.archiver(t)
	wantClass(t, archiver.Push(t.Context(), "pg_wal/"+name), failure.Unavailable)
	archiver.Close()
	var seen events
	box.opts.OnEvent = seen.add
	box.archiver(t)
	if seen.has(walship.EventSpoolOnly) {
		t.Error("said although pg_wal has it")
	}
}
