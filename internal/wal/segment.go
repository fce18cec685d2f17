package wal

import (
	"fmt"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Segment names one WAL segment file: a timeline and a number counted from the
// start of the log.
type Segment struct {
	Timeline Timeline
	Number   uint64
}

// SegmentSize is a cluster's WAL segment size in bytes: a power of two between
// 1 MiB and 1 GiB, 16 MiB unless initdb --wal-segsize said otherwise.
type SegmentSize uint64

// DefaultSegmentSize is initdb's default.
const DefaultSegmentSize SegmentSize = 16 << 20

// Valid reports whether s is a size PostgreSQL accepts.
func (s SegmentSize) Valid() bool {
	return s >= 1<<20 && s <= 1<<30 && s&(s-1) == 0
}

// perLogID is how many segments share the middle eight digits of a file name.
func (s SegmentSize) perLogID() uint64 { return 1 << 32 / uint64(s) }

// SegmentAt returns the segment of timeline tli that holds position lsn.
func (s SegmentSize) SegmentAt(tli Timeline, lsn LSN) Segment {
	return Segment{Timeline: tli, Number: uint64(lsn) / uint64(s)}
}

// Start returns the position of the segment's first byte.
func (s SegmentSize) Start(seg Segment) LSN { return LSN(seg.Number * uint64(s)) }

// Name returns the segment's 24-digit file name.
func (s SegmentSize) Name(seg Segment) string {
	return fmt.Sprintf("%08X%08X%08X", uint32(seg.Timeline), seg.Number/s.perLogID(), seg.Number%s.perLogID())
}

// ParseSegment reads a 24-digit file name.
func (s SegmentSize) ParseSegment(name string) (Segment, error) {
	bad := failure.Invalid("segment", "%.60q is not a WAL segment name of 24 hexadecimal digits", name)
	if len(name) != 24 {
		return Segment{}, bad
	}
	var parts [3]uint64
	for i := range parts {
		field := name[i*8 : i*8+8]
		value, err := strconv.ParseUint(field, 16, 32)
		if err != nil || fmt.Sprintf("%08X", value) != field {
			return Segment{}, bad
		}
		parts[i] = value
	}
	if parts[0] == 0 || parts[2] >= s.perLogID() {
		return Segment{}, bad
	}
	return Segment{Timeline: Timeline(parts[0]), Number: parts[1]*s.perLogID() + parts[2]}, nil
}

// Next returns the segment after seg on the same timeline.
func (seg Segment) Next() Segment { return Segment{Timeline: seg.Timeline, Number: seg.Number + 1} }
