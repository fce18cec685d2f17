package wal_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// A name that is accepted is exactly the name its parts are written as: nothing
// else can reach a path.
func FuzzFileName(f *testing.F) {
	for _, seed := range []string{
		"000000020000000100000005", "000000020000000100000005.partial", "000000020000000100000005.00000028.backup",
		"000000020000000100000005.0000000105000100.tail", "0000000A.history", "../x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		parsed, err := size.ParseFileName(name)
		if err == nil && formatName(parsed) != name {
			t.Fatalf("%q was read as %q", name, formatName(parsed))
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add(uint32(3), []byte("1\t0/30001A8\tno recovery target specified\n2\t0/5000000\tx\n"))
	f.Fuzz(func(t *testing.T, tli uint32, content []byte) {
		h, err := wal.ParseHistory(wal.Timeline(tli), content)
		if err != nil {
			return
		}
		again, err := wal.ParseHistory(wal.Timeline(tli), h.Format())
		if err != nil || !bytes.Equal(again.Format(), h.Format()) {
			t.Fatalf("does not survive its own format: %v", err)
		}
		path := h.Path()
		if path.Target() != h.Timeline || path.TimelineAt(wal.MaxLSN) != h.Timeline {
			t.Fatal("the path does not lead to its timeline")
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(header(binary.LittleEndian, 0xD110, 1, 5<<24), uint64(5), int64(size))
	f.Fuzz(func(t *testing.T, page []byte, number uint64, length int64) {
		seg := wal.Segment{Timeline: 1, Number: number}
		h, err := wal.CheckSegment(page, seg, clusterID, length)
		if err == nil && (h.SystemID != clusterID || h.PageAddress != h.SegmentSize.Start(seg) || length != int64(h.SegmentSize)) {
			t.Fatalf("accepted %+v as segment %d of %d bytes", h, number, length)
		}
	})
}
