package wal

import (
	"fmt"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// HeaderBytes is how much of a segment's beginning ParseHeader needs.
const HeaderBytes = 40

// Flags of a page header (xlp_info). A segment's first page has a long header.
const (
	flagContinues  = 0x0001
	flagLongHeader = 0x0002
	flagsAll       = 0x000F
)

// Header is the long page header that every segment file begins with.
type Header struct {
	Magic       uint16      `json:"magic"`
	Timeline    Timeline    `json:"timeline"` // of the page, not of the file: see Check
	PageAddress LSN         `json:"page_address"`
	SystemID    SystemID    `json:"system_id"`
	SegmentSize SegmentSize `json:"segment_size_bytes"`
	BlockSize   uint32      `json:"block_size_bytes"` // XLOG_BLCKSZ
}

// Major returns the PostgreSQL major version whose page magic h carries; false
// for versions this program does not know, newer ones among them. Not knowing a
// version is no reason to refuse its log: the layout read here has not changed
// since PostgreSQL 9.3, and Check tests what it says.
func (h Header) Major() (int, bool) {
	switch h.Magic {
	case 0xD106:
		return 13, true
	case 0xD10D:
		return 14, true
	case 0xD110:
		return 15, true
	case 0xD113:
		return 16, true
	case 0xD116:
		return 17, true
	case 0xD118:
		return 18, true
	}
	return 0, false
}

// ParseHeader reads the long page header at the beginning of a segment, of a
// server of either byte order. It is Corrupt when that is not what page is.
func ParseHeader(page []byte) (Header, error) {
	if len(page) < HeaderBytes {
		return Header{}, failure.New(failure.Corrupt, "%d bytes are too few for a WAL page header of %d", len(page), HeaderBytes)
	}
	order, err := orderOf(page)
	if err != nil {
		return Header{}, err
	}
	h := Header{
		Magic: order.Uint16(page), Timeline: Timeline(order.Uint32(page[4:])), PageAddress: LSN(order.Uint64(page[8:])),
		SystemID:    SystemID(order.Uint64(page[24:])),
		SegmentSize: SegmentSize(order.Uint32(page[32:])), BlockSize: order.Uint32(page[36:]),
	}
	info := order.Uint16(page[2:])
	switch {
	case info&flagLongHeader == 0 || info&^flagsAll != 0:
		return h, failure.New(failure.Corrupt, "page flags %#04x are not those of a segment's first page", info)
	case !h.SegmentSize.Valid():
		return h, failure.New(failure.Corrupt, "segment size %d is impossible", uint64(h.SegmentSize))
	case h.BlockSize < 1<<10 || h.BlockSize > 1<<16 || h.BlockSize&(h.BlockSize-1) != 0:
		return h, failure.New(failure.Corrupt, "WAL block size %d is impossible", h.BlockSize)
	case h.SystemID == 0 || h.Timeline == 0:
		return h, failure.New(failure.Corrupt, "system identifier %s on timeline %d is impossible", h.SystemID, h.Timeline)
	}
	return h, nil
}

// Check reports whether a file with this header, sizeBytes long, is the whole
// segment seg of cluster system. The page's timeline may be older than the
// file's: when a timeline begins inside a segment, its file starts with a copy of
// its parent's pages. Errors are Corrupt, or IdentityMismatch for a segment of
// another cluster.
func (h Header) Check(seg Segment, system SystemID, sizeBytes int64) error {
	name := h.SegmentSize.Name(seg)
	switch {
	case h.SystemID != system:
		return failure.New(failure.IdentityMismatch, "segment %s belongs to system %s, expected %s", name, h.SystemID, system).
			WithHint("this archive is for another cluster: check archive_command against the plan")
	case sizeBytes != int64(h.SegmentSize):
		return failure.New(failure.Corrupt, "segment %s is %d bytes long, its header says %d: truncated or padded", name, sizeBytes, uint64(h.SegmentSize)).
			WithHint("take the file again from pg_wal of the primary or a replica")
	case h.PageAddress != h.SegmentSize.Start(seg):
		return failure.New(failure.Corrupt, "segment %s begins at %s, its header says %s: a recycled or renamed file", name, h.SegmentSize.Start(seg), h.PageAddress)
	case h.Timeline > seg.Timeline:
		return failure.New(failure.Corrupt, "segment %s holds pages of timeline %d", name, h.Timeline)
	}
	return nil
}

// CheckSegment parses the header in page and checks it against the file's name,
// the cluster and the file's length: what must hold before a segment is accepted
// into the archive or handed to recovery.
func CheckSegment(page []byte, seg Segment, system SystemID, sizeBytes int64) (Header, error) {
	h, err := ParseHeader(page)
	if err == nil {
		err = h.Check(seg, system, sizeBytes)
	}
	if err != nil {
		return h, fmt.Errorf("check WAL segment: %w", err)
	}
	return h, nil
}
