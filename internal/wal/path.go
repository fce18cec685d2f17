package wal

// Stretch is the part of the log that one timeline contributes to a path. End is
// the first position that is no longer part of it; 0 means it is still growing.
type Stretch struct {
	Timeline Timeline `json:"timeline"`
	Start    LSN      `json:"start"`
	End      LSN      `json:"end,omitzero"`
}

// Holds reports whether position lsn belongs to the stretch.
func (s Stretch) Holds(lsn LSN) bool { return lsn >= s.Start && (s.End == 0 || lsn < s.End) }

// Path is the way from the beginning of the log to a target timeline, oldest
// stretch first. Stretches touch; the last one has no end.
type Path []Stretch

// Path returns the way to h's timeline through its ancestors.
func (h History) Path() Path {
	path := make(Path, 0, len(h.Ancestors)+1)
	var start LSN
	for _, a := range h.Ancestors {
		path = append(path, Stretch{Timeline: a.Timeline, Start: start, End: a.End})
		start = a.End
	}
	return append(path, Stretch{Timeline: h.Timeline, Start: start})
}

// Target returns the timeline the path leads to, 0 for an empty path.
func (p Path) Target() Timeline {
	if len(p) == 0 {
		return 0
	}
	return p[len(p)-1].Timeline
}

// TimelineAt returns the timeline that position lsn belongs to on this path,
// 0 for an empty path (PostgreSQL: tliOfPointInHistory).
func (p Path) TimelineAt(lsn LSN) Timeline {
	for _, s := range p {
		if s.Holds(lsn) {
			return s.Timeline
		}
	}
	return 0
}

// Reached reports whether a cluster that is at position lsn on timeline tli lies
// on the path: everything it replayed is also part of the path. A position equal
// to the end of the stretch counts, since nothing beyond it was replayed.
func (p Path) Reached(tli Timeline, lsn LSN) bool {
	for _, s := range p {
		if s.Timeline == tli {
			return lsn >= s.Start && (s.End == 0 || lsn <= s.End)
		}
	}
	return false
}

// Common returns the first position at which p and q part, and whether they
// part at all.
func (p Path) Common(q Path) (LSN, bool) {
	for i := range min(len(p), len(q)) {
		a, b := p[i], q[i]
		switch {
		case a.Timeline != b.Timeline:
			return min(a.Start, b.Start), true
		case a.End == b.End:
		case a.End == 0:
			return b.End, true
		case b.End == 0:
			return a.End, true
		default:
			return min(a.End, b.End), true
		}
	}
	return 0, false
}

// Sources returns the timelines whose copy of segment number holds the path's
// bytes from the segment's start up to position until (exclusive) or the
// segment's end, newest first: the order in which PostgreSQL asks for them
// (XLogFileReadAnyTLI). When a timeline begins inside a segment, its copy starts
// with its parent's bytes; the parent's copy serves only up to the switch.
func (p Path) Sources(size SegmentSize, number uint64, until LSN) []Timeline {
	start := size.Start(Segment{Number: number})
	end := min(start+LSN(size), max(until, start+1))
	var sources []Timeline
	for i := len(p) - 1; i >= 0; i-- {
		s := p[i]
		beginsLater := size.SegmentAt(s.Timeline, s.Start).Number > number
		endsBefore := s.End != 0 && s.End < end
		if !beginsLater && !endsBefore {
			sources = append(sources, s.Timeline)
		}
	}
	// A stretch that ended before this segment began fails endsBefore; one that
	// is empty (two switches at one position) may pass and is harmless: its copy
	// has the same bytes.
	return sources
}

// Range is a run of segments of one timeline, First to Last, both included.
type Range struct {
	Timeline Timeline `json:"timeline"`
	First    uint64   `json:"first"`
	Last     uint64   `json:"last"`
}

// Count returns how many segments the range holds.
func (r Range) Count() uint64 {
	if r.Last < r.First {
		return 0
	}
	return r.Last - r.First + 1
}

// Holds reports whether seg is in the range.
func (r Range) Holds(seg Segment) bool {
	return seg.Timeline == r.Timeline && seg.Number >= r.First && seg.Number <= r.Last
}

// Ranges returns the segments PostgreSQL reads on this path to replay from
// position from (inclusive) to position until (exclusive), in order.
func (p Path) Ranges(size SegmentSize, from, until LSN) []Range {
	if until <= from || len(p) == 0 {
		return nil
	}
	first, last := size.SegmentAt(0, from).Number, size.SegmentAt(0, until-1).Number
	var ranges []Range
	for i, s := range p {
		lower, upper := max(first, size.SegmentAt(0, s.Start).Number), last
		if i+1 < len(p) {
			// The segment in which the next timeline begins is read from the next one.
			next := size.SegmentAt(0, p[i+1].Start).Number
			if next == 0 {
				continue
			}
			upper = min(last, next-1)
		}
		if lower <= upper {
			ranges = append(ranges, Range{Timeline: s.Timeline, First: lower, Last: upper})
		}
	}
	return ranges
}
