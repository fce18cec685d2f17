package wal_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"testing"
	"testing/iotest"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const clusterID wal.SystemID = 7310000000000000001

// header builds a segment's first bytes as a server of the given byte order
// writes them.
func header(order binary.AppendByteOrder, magic uint16, tli wal.Timeline, address wal.LSN) []byte {
	page := order.AppendUint16(nil, magic)
	page = order.AppendUint16(page, 0x0002)
	page = order.AppendUint32(page, uint32(tli))
	page = order.AppendUint64(page, uint64(address))
	page = order.AppendUint64(page, 0) // xlp_rem_len and alignment
	page = order.AppendUint64(page, uint64(clusterID))
	page = order.AppendUint32(page, uint32(size))
	return order.AppendUint32(page, 8192)
}

func TestHeaderMajors(t *testing.T) {
	t.Parallel()
	majors := map[uint16]int{0xD106: 13, 0xD10D: 14, 0xD110: 15, 0xD113: 16, 0xD116: 17, 0xD118: 18, 0xD1FF: 0}
	for magic, want := range majors {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			h, err := wal.CheckSegment(header(order, magic, 1, 5<<24), wal.Segment{Timeline: 1, Number: 5}, clusterID, int64(size))
			if err != nil {
				t.Fatalf("magic %#x: %v", magic, err)
			}
			if major, known := h.Major(); major != want || known != (want != 0) {
				t.Errorf("magic %#x is major %d, %v", magic, major, known)
			}
		}
	}
}

// The first bytes of segment 1 as PostgreSQL 15's initdb wrote them; the system
// identifier is what pg_controldata printed.
func TestHeaderOfARealSegment(t *testing.T) {
	t.Parallel()
	page, err := hex.DecodeString("10d102000100000000000001000000000000000000000000fcef49a55991036b0000000100200000")
	if err != nil {
		t.Fatal(err)
	}
	h, err := wal.CheckSegment(page, wal.Segment{Timeline: 1, Number: 1}, 7711166801199624188, 16777216)
	if major, _ := h.Major(); err != nil || major != 15 || h.BlockSize != 8192 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestCheckSegment(t *testing.T) {
	t.Parallel()
	seg := wal.Segment{Timeline: 2, Number: 5}
	good := header(binary.LittleEndian, 0xD110, 2, 5<<24)
	with := func(offset int, value byte) []byte {
		page := bytes.Clone(good)
		page[offset] = value
		return page
	}
	cases := map[string]struct {
		page  []byte
		bytes int64
		class failure.Class
	}{
		"whole":                            {good, int64(size), ""},
		"begins with its parent's pages":   {header(binary.LittleEndian, 0xD110, 1, 5<<24), int64(size), ""},
		"L8 truncated":                     {good, int64(size) - 1, failure.Corrupt},
		"L8 empty":                         {nil, 0, failure.Corrupt},
		"too long":                         {good, int64(size) + 1, failure.Corrupt},
		"zeros":                            {make([]byte, 8192), int64(size), failure.Corrupt},
		"a later timeline's pages":         {header(binary.LittleEndian, 0xD110, 3, 5<<24), int64(size), failure.Corrupt},
		"a recycled file under a new name": {header(binary.LittleEndian, 0xD110, 2, 4<<24), int64(size), failure.Corrupt},
		"another cluster's":                {with(24, 0xFF), int64(size), failure.IdentityMismatch},
		"no long header":                   {with(2, 0), int64(size), failure.Corrupt},
		"unknown flags":                    {with(2, 0x82), int64(size), failure.Corrupt},
		"an impossible segment size":       {with(32, 1), int64(size), failure.Corrupt},
		"an impossible block size":         {with(36, 1), int64(size), failure.Corrupt},
		"timeline zero":                    {header(binary.LittleEndian, 0xD110, 0, 5<<24), int64(size), failure.Corrupt},
	}
	for name, c := range cases {
		_, err := wal.CheckSegment(c.page, seg, clusterID, c.bytes)
		if got := failure.ClassOf(err); got != c.class {
			t.Errorf("%s: %v (%s), want %s", name, err, got, c.class)
		}
	}
}

func TestPadTail(t *testing.T) {
	t.Parallel()
	small, seg := wal.SegmentSize(1<<20), wal.Segment{Timeline: 1, Number: 3}
	tail := bytes.Repeat([]byte{7}, 5000) // the last 904 were not flushed
	want := append(bytes.Repeat([]byte{7}, 4096), make([]byte, 1<<20-4096)...)
	got, err := small.PadTail(seg, tail, small.Start(seg)+4096)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatal("padded tail differs", err)
	}
	if again, err := small.PadTail(seg, got, small.Start(seg)+4096); err != nil || !bytes.Equal(again, want) {
		t.Fatal("padding twice changes it", err)
	}
	streamed, err := io.ReadAll(small.PadReader(iotest.HalfReader(bytes.NewReader(tail)), 4096))
	if err != nil || !bytes.Equal(streamed, want) {
		t.Fatal("streamed tail differs", err)
	}
	if _, err := small.PadTail(seg, tail, small.Start(seg)+5001); !failure.Is(err, failure.Corrupt) {
		t.Errorf("a short tail was padded: %v", err)
	}
	if _, err := io.ReadAll(small.PadReader(bytes.NewReader(tail), 5001)); !failure.Is(err, failure.Corrupt) {
		t.Errorf("a short tail was streamed: %v", err)
	}
}
