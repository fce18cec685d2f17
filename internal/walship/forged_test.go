package walship_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const third = "000000010000000000000003"

// pieceKey is the key of bytes [from, to) of a segment of timeline 1, by a content's hash.
func (b *sandbox) pieceKey(number uint64, from, to int, content []byte) string {
	seg := wal.Segment{Timeline: 1, Number: number}
	start := uint64(b.size().Start(seg))
	return fmt.Sprintf("v1/orders/wal/%s/00000001/tail/%s-%016X-%016X-%s.zst.pgp", boxSystem, b.size().Name(seg),
		start+uint64(from), start+uint64(to), store.DigestOf(content).String()[:32])
}

// plant puts an object into one store, as who has its credentials can.
func (b *sandbox) plant(t testing.TB, index int, key string, body []byte) {
	t.Helper()
	if _, err := b.opts.Stores[index].Put(t.Context(), key, bytes.NewReader(body), store.Describe(body)); err != nil {
		t.Fatal(err)
	}
}

// sealed seals content for the box's recipients, to be stored under key.
func (b *sandbox) sealed(t testing.TB, content []byte, key string) []byte {
	t.Helper()
	body, err := seal.Seal(content, key, b.opts.Recipients, keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// tailed is a box with bytes [0, 9000) of segment 3 in both stores, as two pieces.
func tailed(t *testing.T) *sandbox {
	t.Helper()
	box := newFakeBox(t)
	box.settings(func(s *settings.Settings) { s.Fetch.Patience, s.Fetch.TailTimeline = 100*time.Millisecond, 1 })
	archiver := box.archiver(t)
	shipPiece(t, box, archiver, 3, 0, 5000)
	shipPiece(t, box, archiver, 3, 5000, 9000)
	box.both(t, 2)
	return box
}

// wantTail checks that segment 3 is fetched with its true bytes up to a length.
func (b *sandbox) wantTail(t *testing.T, length int) {
	t.Helper()
	if err := b.fetch(t, third); err != nil {
		t.Fatal(err)
	}
	want := makeSegment(b.size(), wal.Segment{Timeline: 1, Number: 3})
	clear(want[length:])
	if !bytes.Equal(b.recovered(t), want) {
		t.Errorf("the padded segment is not what was flushed up to %d", length)
	}
}

// TestEveryPieceMustAgree: also one that covers others wholly, and one that others
// cover. Which of two clusters the bytes are of, a person must say.
func TestEveryPieceMustAgree(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct{ from, to, differs int }{
		"reaches farther than all":    {0, 9001, 10},
		"is inside another":           {100, 200, 150},
		"is the same stretch":         {5000, 9000, 8999},
		"differs behind the overlap":  {4000, 9500, 8000},
		"begins with the last byte":   {8999, 9100, 8999},
		"reaches the segment's end":   {0, 1 << 20, 9},
		"differs in the first byte":   {0, 1, 0},
		"differs where pieces adjoin": {4999, 5001, 5000},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			box := tailed(t)
			other := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})[row.from:row.to]
			other[row.differs-row.from] ^= 1
			key := box.pieceKey(3, row.from, row.to, other)
			box.plant(t, 1, key, box.sealed(t, other, key))
			err := box.fetch(t, third)
			wantClass(t, err, failure.Corrupt)
			if err == nil || strings.Count(err.Error(), "/tail/") < 2 || !strings.Contains(err.Error(), "far") || !strings.Contains(err.Error(), "near") {
				t.Errorf("%v does not name both pieces and their stores", err)
			}
		})
	}
}

// TestOverlapsOfACrashAgree: whatever a daemon shipped twice.
func TestOverlapsOfACrashAgree(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	archiver := box.archiver(t)
	for i, stretch := range [][2]int{{0, 9000}, {4000, 6000}, {0, 1}, {8999, 9700}} {
		shipPiece(t, box, archiver, 3, stretch[0], stretch[1])
		box.both(t, 3+i)
	}
	box.wantTail(t, 9700)
}

// TestForgedPieceBlocksNoTail: what opens nowhere, and is in one store only, is named and
// left out, wherever in the segment, or behind it, it claims to be.
func TestForgedPieceBlocksNoTail(t *testing.T) {
	t.Parallel()
	forgeries := map[string]func(t *testing.T, box *sandbox, key string) []byte{
		"noise": func(*testing.T, *sandbox, string) []byte {
			return makeSegment(1<<20, wal.Segment{Timeline: 9, Number: 9})[:3000]
		},
		"another object": func(t *testing.T, box *sandbox, _ string) []byte {
			t.Helper()
			return box.sealed(t, make([]byte, 4000), "v1/orders/wal/elsewhere/"+strings.Repeat("x", 80))
		},
	}
	places := map[string]struct {
		number   uint64
		from, to int
	}{
		"over the whole segment": {3, 0, 1 << 20}, "over its beginning": {3, 0, 6000}, "behind its end": {3, 9000, 9100}, "in the next": {4, 0, 100},
	}
	for what, forge := range forgeries {
		for where, row := range places {
			t.Run(what+" "+where, func(t *testing.T) {
				t.Parallel()
				box := tailed(t)
				key := box.pieceKey(row.number, row.from, row.to, []byte(what))
				box.plant(t, 1, key, forge(t, box, key))
				box.wantTail(t, 9000)
				repairs, err := walship.ReadRepairs(box.opts.Settings.Spool.Dir)
				named := slices.ContainsFunc(repairs, func(one walship.Repair) bool { return one.Object == key && one.Store == "far" })
				if err != nil || !named {
					t.Errorf("%v; the forged piece is not named: %+v", err, repairs)
				}
			})
		}
	}
}

// TestForgedPieceForStrangersKeys: beside the tail it is left out like any other. Behind
// it, what opens with keys that are not here may be true: the tail is not the end.
func TestForgedPieceForStrangersKeys(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	key := box.pieceKey(3, 0, 1<<20, []byte("x"))
	box.plant(t, 1, key, sealedToAStranger(t, key))
	box.wantTail(t, 9000)
	key = box.pieceKey(4, 0, 100, []byte("x"))
	box.plant(t, 1, key, sealedToAStranger(t, key))
	wantClass(t, box.fetch(t, third), failure.WALGap)
}

func sealedToAStranger(t testing.TB, key string) []byte {
	t.Helper()
	var strangers []keyring.PublicKey
	for range 2 {
		one, err := keyring.Generate("stranger", "stranger@example.test")
		if err != nil {
			t.Fatal(err)
		}
		strangers = append(strangers, one.Public())
	}
	recipients, err := keyring.NewRecipients(strangers...)
	if err != nil {
		t.Fatal(err)
	}
	body, err := seal.Seal([]byte("x"), key, recipients, keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestL29DamagedPieceIsNotLeftOut: bytes that were there, and that nothing else holds,
// are missed: a piece that both stores list, and one that opens as what it was made to be.
func TestL29DamagedPieceIsNotLeftOut(t *testing.T) {
	t.Parallel()
	t.Run("in both stores", func(t *testing.T) {
		t.Parallel()
		box := tailed(t)
		key := box.pieceKey(3, 9000, 9500, []byte("x"))
		for index := range box.opts.Stores {
			box.plant(t, index, key, make([]byte, 2000))
		}
		wantClass(t, box.fetch(t, third), failure.Corrupt)
	})
	t.Run("cut short", func(t *testing.T) {
		t.Parallel()
		box := tailed(t)
		content := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})[9000:12000]
		key := box.pieceKey(3, 9000, 12000, content)
		body := box.sealed(t, content, key)
		box.plant(t, 1, key, body[:len(body)-1])
		wantClass(t, box.fetch(t, third), failure.Corrupt)
	})
	t.Run("while a store is silent", func(t *testing.T) {
		t.Parallel()
		box := tailed(t)
		box.plant(t, 1, box.pieceKey(3, 9000, 9500, []byte("x")), make([]byte, 2000))
		box.opts.Only = map[string]bool{}
		for _, key := range keysUnder(t, box.opts.Stores[1], "v1/") {
			box.opts.Only[key] = true
		}
		box.switches[0].cut.Store(true)
		wantClass(t, box.fetch(t, third), failure.Unavailable)
		box.switches[0].cut.Store(false)
		box.wantTail(t, 9000)
	})
	t.Run("but covered by another", func(t *testing.T) {
		t.Parallel()
		box := tailed(t)
		key := box.pieceKey(3, 100, 8000, []byte("x"))
		for index := range box.opts.Stores {
			box.plant(t, index, key, make([]byte, 2000))
		}
		box.wantTail(t, 9000)
	})
}

// TestFloodOfForgedPieces: a store that gave as much that opens nowhere as many segments
// take is not read any more for this one. What it alone may have is not known then, and
// what others hold to the end needs nothing of it.
func TestFloodOfForgedPieces(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	const flood = 40
	for number := range flood {
		noise := makeSegment(box.size(), wal.Segment{Timeline: 9, Number: uint64(number)})
		box.plant(t, 1, box.pieceKey(3, 0, 1<<20-number, noise), noise[:1<<20-number])
	}
	measured := &gauge{Store: box.opts.Stores[1]}
	box.opts.Stores[1] = measured
	err := box.fetch(t, third)
	wantClass(t, err, failure.Corrupt)
	if read := measured.bytes.Load(); read > 18<<20 || err == nil || !strings.Contains(err.Error(), "store far") {
		t.Errorf("%d MiB were read of %d MiB that open nowhere: %v", read>>20, flood, err)
	}
	rest := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})[9000:]
	key := box.pieceKey(3, 9000, 1<<20, rest)
	box.plant(t, 0, key, box.sealed(t, rest, key))
	box.wantTail(t, 1<<20)
}

// TestImpossibleSizesProveNothing: a listing shows that they cannot be what they are
// called. They are named, and neither stand for a segment nor beside one.
func TestImpossibleSizesProveNothing(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	whole := box.pieceKey(3, 0, 1<<20, []byte("x"))
	box.plant(t, 1, whole, []byte{0})
	beyond := box.pieceKey(3, 9000, 9100, []byte("x"))
	box.plant(t, 1, beyond, make([]byte, 1<<20))
	segment := strings.Replace(box.pieceKey(2, 0, 1, []byte("x")), "/tail/", "/", 1)
	segment = segment[:strings.Index(segment, "-")] + segment[strings.LastIndex(segment, "-"):]
	box.plant(t, 1, segment, []byte{0})

	inventory, err := walship.TakeInventory(t.Context(), box.cluster())
	if err != nil || len(inventory.Ranges) != 0 || len(inventory.Tails) != 1 || inventory.Tails[0].ValidUpTo != 3<<20+9000 {
		t.Errorf("inventory %+v, %v", inventory, err)
	}
	for _, key := range []string{whole, beyond, segment} {
		named := func(one walship.Anomaly) bool {
			return one.Kind == walship.AnomalyStrange && one.Store == "far" && one.Key == key && strings.Contains(one.Detail, "bytes")
		}
		if !slices.ContainsFunc(inventory.Anomalies, named) {
			t.Errorf("%s is not named: %+v", key, inventory.Anomalies)
		}
	}
	for number := uint64(2); number <= 3; number++ {
		_, err = walship.Prove(t.Context(), box.cluster(), []wal.Range{{Timeline: 1, First: number, Last: number}})
		wantClass(t, err, failure.WALGap)
	}
	pieces, reached, err := walship.LocateTail(t.Context(), box.cluster(), wal.Segment{Timeline: 1, Number: 3})
	if err != nil || len(pieces) != 2 || reached != 3<<20+9000 {
		t.Errorf("%d pieces reach %s, %v", len(pieces), reached, err)
	}
	archiver := box.archiver(t)
	if err := archiver.Push(t.Context(), "pg_wal/"+box.segments(t, 3, 3)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err = walship.Prove(t.Context(), box.cluster(), []wal.Range{{Timeline: 1, First: 3, Last: 3}}); err != nil {
		t.Error(err)
	}
}

// TestForgedSegmentBlocksNoTail: what one store has under the name of the whole segment,
// and nothing shows to be it. What two stores have was there, and only pieces that leave
// nothing out make good for it.
func TestForgedSegmentBlocksNoTail(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	key := fmt.Sprintf("v1/orders/wal/%s/00000001/%s-%s.zst.pgp", boxSystem, third, strings.Repeat("0", 32))
	box.plant(t, 1, key, make([]byte, 3000))
	box.wantTail(t, 9000)
	repairs, err := walship.ReadRepairs(box.opts.Settings.Spool.Dir)
	if err != nil || len(repairs) == 0 || repairs[0].Object != key || repairs[0].Store != "far" {
		t.Errorf("%v; the forged segment is not named: %+v", err, repairs)
	}
	box.plant(t, 0, key, make([]byte, 3000))
	wantClass(t, box.fetch(t, third), failure.Corrupt)
	shipPiece(t, box, box.archiver(t), 3, 9000, 1<<20)
	box.wantTail(t, 1<<20)
}

// TestLocatedPiecesAreAllThatMustAgree: what a recovery is given holds also the pieces
// that others cover; two contents of one stretch are named by the inventory.
func TestLocatedPiecesAreAllThatMustAgree(t *testing.T) {
	t.Parallel()
	box := tailed(t)
	other := makeSegment(box.size(), wal.Segment{Timeline: 1, Number: 3})[:5000]
	other[4000] ^= 1
	key := box.pieceKey(3, 0, 5000, other)
	box.plant(t, 1, key, box.sealed(t, other, key))
	pieces, reached, err := walship.LocateTail(t.Context(), box.cluster(), wal.Segment{Timeline: 1, Number: 3})
	if err != nil || len(pieces) != 3 || reached != 3<<20+9000 {
		t.Errorf("%d pieces reach %s, %v", len(pieces), reached, err)
	}
	box.opts.Only = map[string]bool{}
	for _, piece := range pieces {
		box.opts.Only[piece.Key] = true
	}
	wantClass(t, box.fetch(t, third), failure.Corrupt)
	inventory, err := walship.TakeInventory(t.Context(), box.cluster())
	named := func(one walship.Anomaly) bool {
		return one.Kind == walship.AnomalyConflict && one.Store == "far" && one.Key == key
	}
	if err != nil || !slices.ContainsFunc(inventory.Anomalies, named) {
		t.Errorf("%v; two contents of one stretch are not named: %+v", err, inventory.Anomalies)
	}
}
