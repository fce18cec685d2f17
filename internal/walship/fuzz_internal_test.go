package walship

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func testPlace() place { return place{source: "orders", system: 42, size: 1 << 20} }

func FuzzParseKey(f *testing.F) {
	p := testPlace()
	seg := wal.Segment{Timeline: 1, Number: 3}
	f.Add(p.fileKey(wal.FileName{Kind: wal.FileSegment, Segment: seg, Timeline: 1}, p.size.Name(seg), []byte("x")))
	f.Add(p.pieceKey(seg, p.size.Start(seg), []byte("x")))
	f.Add(p.fileKey(wal.FileName{Kind: wal.FileHistory, Timeline: 2}, "00000002.history", []byte("x")))
	f.Fuzz(func(t *testing.T, key string) {
		obj, err := p.parse(key)
		if err != nil {
			if !failure.Is(err, failure.Corrupt) {
				t.Errorf("class %s", failure.ClassOf(err))
			}
			return
		}
		if obj.File.Kind == wal.FileTail && (obj.File.ValidTo <= obj.From || obj.From < p.size.Start(obj.File.Segment)) {
			t.Errorf("accepted %+v", obj)
		}
	})
}

func TestKeysRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := testPlace()
		seg := wal.Segment{Timeline: wal.Timeline(rapid.Uint32Min(1).Draw(t, "tli")), Number: rapid.Uint64Range(0, wal.MaxSegmentNumber(p.size)).Draw(t, "number")}
		from := rapid.Uint64Range(0, uint64(p.size)-1).Draw(t, "from")
		content := make([]byte, rapid.Uint64Range(1, min(uint64(p.size)-from, 4096)).Draw(t, "length"))
		obj, err := p.parse(p.pieceKey(seg, p.size.Start(seg)+wal.LSN(from), content))
		if err != nil || obj.File.Segment != seg || obj.From != p.size.Start(seg)+wal.LSN(from) || obj.File.ValidTo != obj.From+wal.LSN(len(content)) {
			t.Fatalf("%+v, %v", obj, err)
		}
	})
}

// Pieces reach exactly as far as their union does without a hole, and all that lie
// before the hole are returned: each must agree with the others.
func TestConnectedReachesTheFirstHole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var covered [65]bool
		pieces := drawPieces(t)
		for _, one := range pieces {
			for i := one.From; i < one.File.ValidTo; i++ {
				covered[i] = true
			}
		}
		hole := wal.LSN(slices.Index(covered[:], false)) //nolint:gosec // at most 64
		chain, reached := connected(pieces, 0)
		if reached != hole {
			t.Fatalf("reached %s, the first hole is at %s", reached, hole)
		}
		before := 0
		for _, one := range pieces {
			if one.From < hole {
				before++
			}
		}
		sorted := slices.IsSortedFunc(chain, func(a, b sightedPiece) int { return cmp.Compare(a.From, b.From) })
		if len(chain) != before || !sorted {
			t.Fatalf("%d pieces of %d, in order: %t", len(chain), before, sorted)
		}
	})
}

func drawPieces(t *rapid.T) (pieces []sightedPiece) {
	for range rapid.IntRange(0, 12).Draw(t, "count") {
		from := rapid.Uint64Range(0, 60).Draw(t, "from")
		to := rapid.Uint64Range(from+1, 64).Draw(t, "to")
		pieces = append(pieces, sightedPiece{object: object{From: wal.LSN(from), File: wal.FileName{ValidTo: wal.LSN(to)}}})
	}
	return pieces
}

// Pieces that are laid over one another are refused as soon as one differs from those
// before it in a byte, and make up what they were cut from otherwise.
func TestOverlayRefusesWhatDisagrees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces, _ := connected(drawPieces(t), 0)
		truth := rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "truth")
		wrong := rapid.IntRange(-1, len(pieces)-1).Draw(t, "which piece is wrong")
		made := &overlay{content: make([]byte, 64)}
		var known [64]int // how many pieces hold a byte
		for i, piece := range pieces {
			plain := slices.Clone(truth[piece.From:piece.File.ValidTo])
			clash := false
			if i == wrong {
				at := rapid.IntRange(0, len(plain)-1).Draw(t, "which byte")
				plain[at] ^= 1
				truth[int(piece.From)+at] ^= 1 // whoever comes next agrees with it
				clash = known[int(piece.From)+at] > 0
			}
			err := made.lay(piece, plain)
			if failure.Is(err, failure.Corrupt) != clash {
				t.Fatalf("piece %d: %v, it disagrees: %t", i, err, clash)
			}
			if err != nil {
				return
			}
			for at := piece.From; at < piece.File.ValidTo; at++ {
				known[at]++
			}
		}
		if !slices.Equal(made.content[:made.reached], truth[:made.reached]) {
			t.Fatalf("%v, want %v", made.content[:made.reached], truth[:made.reached])
		}
	})
}

func FuzzDecodeBeats(f *testing.F) {
	beat := Beat{Seq: 1, At: time.Unix(1, 0).UTC(), LSN: 1, CommitLSN: 2, SystemID: 42, Timeline: 1, Incarnation: "A", Acknowledged: time.Unix(1, 0).UTC()}
	name, body, err := encodeBeats([]Beat{beat})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(name, body)
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		beats, err := decodeBeats(name, body)
		if err != nil && !failure.Is(err, failure.Corrupt) {
			t.Errorf("class %s", failure.ClassOf(err))
		}
		if err == nil && len(beats) == 0 {
			t.Error("an object without beats was accepted")
		}
		_ = parseLines(body)
	})
}

func FuzzReplicationMessage(f *testing.F) {
	f.Add(append([]byte{'w'}, make([]byte, 40)...))
	f.Add(append([]byte{'k'}, make([]byte, 17)...))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := decode(payload)
		if err == nil && len(got.data) > len(payload) {
			t.Error("more data than was sent")
		}
	})
}

// A shipment hands out exactly the stream, cut at segment borders, whatever the
// chunks and however often stores fail.
func TestShipmentKeepsTheStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tl := &tail{meter: &meter{}, archiver: &Archiver{}}
		tl.settings.SegmentSizeBytes = 1 << 20
		start := wal.LSN(rapid.Uint64Range(0, 5<<20).Draw(t, "start"))
		s := newShipment(tl, position{timeline: 1, from: start})
		at, shipped := start, start
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			chunk := make([]byte, rapid.IntRange(1, 300_000).Draw(t, "chunk"))
			if err := s.take(message{data: chunk, start: at}); err != nil {
				t.Fatal(err)
			}
			at += wal.LSN(len(chunk))
			for _, one := range s.cut()[:rapid.IntRange(0, 1).Draw(t, "ship")] {
				if one.from != shipped || tl.settings.SegmentSizeBytes.SegmentAt(1, one.from+wal.LSN(len(one.bytes))-1) != one.segment {
					t.Fatalf("piece %s+%d in %v after %s", one.from, len(one.bytes), one.segment, shipped)
				}
				shipped += wal.LSN(len(one.bytes))
				s.settle(len(one.bytes))
			}
			if s.safe() != shipped || s.received() != at {
				t.Fatalf("safe %s received %s, want %s %s", s.safe(), s.received(), shipped, at)
			}
		}
		if err := s.take(message{data: []byte{1}, start: at + 1}); !failure.Is(err, failure.Corrupt) {
			t.Fatalf("a hole in the stream: %v", err)
		}
	})
}

func TestSpoolLoadsWhatItWroteAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openSpool(dir, 1000)
	if err != nil {
		t.Fatal(err)
	}
	e := entry{Key: "v1/a/b", Lacking: []string{"far"}, Queued: time.Unix(1, 0).UTC()}
	for range 2 {
		if err := first.add(e, make([]byte, 600), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeDurably(dir+"/0000.body", []byte("half")); err != nil {
		t.Fatal(err)
	}
	second, err := openSpool(dir, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if objects, bytes := second.totals(); objects != 1 || bytes != 600 {
		t.Errorf("%d objects, %d bytes", objects, bytes)
	}
	other := entry{Key: "v1/a/c", Lacking: []string{"far"}}
	if err := second.add(other, make([]byte, 600), false); !failure.Is(err, failure.InsufficientSpace) {
		t.Errorf("over the limit: %v", err)
	}
	if err := second.settle("v1/a/b", "far"); err != nil {
		t.Fatal(err)
	}
	if names := dirNames(dir); len(names) != 0 {
		t.Errorf("left %v", names)
	}
	text, err := json.Marshal(entry{Key: "../../etc"})
	if err == nil {
		err = writeDurably(dir+"/forged.json", text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openSpool(dir, 1000); !failure.Is(err, failure.Corrupt) {
		t.Errorf("a forged entry: %v", err)
	}
}
