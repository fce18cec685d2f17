package walship_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// shipPieces pushes bytes [from, to) of a segment as one tail piece.
func shipPiece(t *testing.T, box *sandbox, archiver *walship.Archiver, number uint64, from, to int) {
	t.Helper()
	seg := wal.Segment{Timeline: 1, Number: number}
	start := box.size().Start(seg)
	if err := archiver.PushPiece(t.Context(), seg, start+wal.LSN(from), makeSegment(box.size(), seg)[from:to]); err != nil {
		t.Fatal(err)
	}
}

func (b *sandbox) recovered(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(b.opts.Settings.DataDir, "pg_wal", "RECOVERYXLOG"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestL12PartialIsUsedOnlyWhereItIsAllowedAndFinal(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	const name = "000000010000000000000003"
	shipPiece(t, box, archiver, 3, 0, 5000)
	shipPiece(t, box, archiver, 3, 4000, 9000) // overlaps, as after a crash
	shipPiece(t, box, archiver, 3, 9500, 9900) // behind a hole
	wantClass(t, box.fetch(t, name), failure.NotFound)
	box.opts.Settings.Fetch.TailTimeline = 2
	wantClass(t, box.fetch(t, name), failure.NotFound)
	box.opts.Settings.Fetch.TailTimeline = 1
	if err := box.fetch(t, name); err != nil {
		t.Fatal(err)
	}
	want := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})
	clear(want[9000:])
	if !bytes.Equal(box.recovered(t), want) {
		t.Error("the padded segment is not what was flushed up to the hole")
	}
	var inventory walship.Inventory
	var err error
	pgtest.Eventually(t, "both stores have the tail: one is enough to go on", func() bool {
		inventory, err = walship.TakeInventory(t.Context(), box.cluster())
		return err != nil || len(inventory.Tails) == 1 && len(inventory.Tails[0].Stores) == 2
	})
	if err != nil || inventory.Tails[0].ValidUpTo != 3<<20+9000 {
		t.Errorf("inventory %+v, %v", inventory, err)
	}
	shipPiece(t, box, archiver, 4, 0, 100)
	wantClass(t, box.fetch(t, name), failure.WALGap)
}

func TestPiecesThatLeaveNothingOutAreTheSegment(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	size := int(box.size())
	for from := 0; from < size; from += size / 4 {
		shipPiece(t, box, archiver, 3, from, from+size/4)
	}
	shipPiece(t, box, archiver, 4, 0, 100)
	if err := box.fetch(t, "000000010000000000000003"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(box.recovered(t), makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})) {
		t.Error("other bytes came back")
	}
	proof, err := walship.Prove(t.Context(), box.cluster(), []wal.Range{{Timeline: 1, First: 3, Last: 3}})
	if err != nil || len(proof) != 4 {
		t.Errorf("proof %+v, %v", proof, err)
	}
	inventory, err := walship.TakeInventory(t.Context(), box.cluster())
	if err != nil || len(inventory.Ranges) != 1 || inventory.Ranges[0].Last != 3 || len(inventory.Tails) != 1 {
		t.Errorf("inventory %+v, %v", inventory, err)
	}
}

func TestPiecesThatDisagreeAreRefused(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	box.opts.Settings.Fetch.TailTimeline = 1
	archiver := box.archiver(t)
	shipPiece(t, box, archiver, 3, 0, 5000)
	seg := wal.Segment{Timeline: 1, Number: 3}
	other := makeSegment(box.size(), seg)[4000:9000]
	other[10] ^= 1
	if err := archiver.PushPiece(t.Context(), seg, box.size().Start(seg)+4000, other); err != nil {
		t.Fatal(err)
	}
	wantClass(t, box.fetch(t, "000000010000000000000003"), failure.Corrupt)
}

func TestPieceOfASegmentThatIsArchivedIsNotShipped(t *testing.T) {
	t.Parallel()
	box := newFakeBox(t)
	archiver := box.archiver(t)
	name := box.segments(t, 3, 3)[0]
	if err := archiver.Push(t.Context(), "pg_wal/"+name); err != nil {
		t.Fatal(err)
	}
	shipPiece(t, box, archiver, 3, 0, 5000)
	if got := keysUnder(t, box.opts.Stores[0], "v1/"); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}
