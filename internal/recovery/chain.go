package recovery

import (
	"fmt"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// chain is the WAL that recovery will read, proved to be there.
type chain struct {
	segments []SegmentRange
	tail     *Tail
	end      wal.LSN // readable up to here
}

// prove walks the WAL from the set's start to the goal, following the path from
// timeline to timeline, and fails at the first segment that no store has.
func prove(inventory WALInventory, path wal.Path, set SetSummary, g goal) (chain, error) {
	size := inventory.SegmentSize
	until := max(g.until, set.StopLSN)
	if g.open {
		until = wal.MaxLSN
	}
	last := size.SegmentAt(0, until-1).Number
	var c chain
	for number := size.SegmentAt(0, set.StartLSN).Number; number <= last; {
		run, found := runFrom(inventory, path, number, last, until)
		if !found {
			return c.finish(inventory, path, set, g, number, until)
		}
		c.add(run)
		c.end = size.Start(wal.Segment{Number: run.Last + 1})
		number = run.Last + 1
	}
	return c, nil
}

// add appends a run, joined to the one before where only a boundary parts them.
func (c *chain) add(run SegmentRange) {
	if n := len(c.segments); n > 0 {
		before := &c.segments[n-1]
		if before.Timeline == run.Timeline && before.Last+1 == run.First && slices.Equal(before.Stores, run.Stores) {
			before.Last, before.ArchivedAt = run.Last, run.ArchivedAt
			return
		}
	}
	c.segments = append(c.segments, run)
}

// runFrom returns the longest run of whole segments from number on that one
// inventory range covers within one stretch of the path. PostgreSQL asks for the
// newest timeline's copy first, and so does this.
func runFrom(inventory WALInventory, path wal.Path, number, last uint64, until wal.LSN) (SegmentRange, bool) {
	limit := last
	for _, stretch := range path[1:] {
		if begins := inventory.SegmentSize.SegmentAt(0, stretch.Start).Number; begins > number {
			limit = min(limit, begins-1)
		}
	}
	for _, tli := range path.Sources(inventory.SegmentSize, number, until) {
		var run SegmentRange
		for _, r := range inventory.Ranges {
			if r.Holds(wal.Segment{Timeline: tli, Number: number}) && len(r.Stores) > 0 && r.Last >= run.Last {
				run = r
			}
		}
		if run.Timeline != 0 {
			run.First, run.Last = number, min(run.Last, limit)
			return run, true
		}
	}
	return SegmentRange{}, false
}

// finish ends the chain at a segment that is not there whole: with the tail where
// that is allowed, or with the reason why it cannot end here.
func (c chain) finish(inventory WALInventory, path wal.Path, set SetSummary, g goal, number uint64, until wal.LSN) (chain, error) {
	if tail := tailFor(inventory, path); tail != nil && tail.Number == number {
		c.tail, c.end = tail, tail.ValidUpTo
	}
	switch {
	case c.end < set.StopLSN:
		return c, gap(inventory, path, set, number, "the set is not consistent without it")
	case c.end < path[len(path)-1].Start && (g.open || until > c.end):
		return c, gap(inventory, path, set, number, "the target timeline begins in or after it")
	case c.tail == nil && extentOf(inventory, path) > inventory.SegmentSize.Start(wal.Segment{Number: number}):
		return c, gap(inventory, path, set, number, "WAL after it exists")
	case g.open || c.end >= until:
		return c, nil
	}
	return c, failure.New(failure.TargetUnreachable,
		"the WAL on timeline %d ends at %s; the target needs it up to %s", path.Target(), c.end, until).
		WithHint("recover everything that survived with --latest, or choose an earlier target")
}

// tailFor returns the streamed tail that may end recovery on this path: on the
// target timeline, in a segment that no store has whole, with nothing after it.
// Anything else would put an unfinished copy where a finished one belongs.
func tailFor(inventory WALInventory, path wal.Path) *Tail {
	size := inventory.SegmentSize
	var best *Tail
	for i := range inventory.Tails {
		t := &inventory.Tails[i]
		start := size.Start(wal.Segment{Number: t.Number})
		sound := t.Number <= wal.MaxSegmentNumber(size) && t.ValidUpTo > start && t.ValidUpTo <= start+wal.LSN(size)
		onPath := t.Timeline == path.Target() && t.ValidUpTo > path[len(path)-1].Start
		if sound && onPath && len(t.Stores) > 0 && (best == nil || t.ValidUpTo > best.ValidUpTo) {
			best = t
		}
	}
	if best == nil {
		return nil
	}
	for _, r := range inventory.Ranges {
		if r.Timeline == best.Timeline && r.Last >= best.Number && len(r.Stores) > 0 {
			return nil
		}
	}
	used := *best
	return &used
}

// gap names the first missing segment by the name PostgreSQL would ask for.
func gap(inventory WALInventory, path wal.Path, set SetSummary, number uint64, why string) error {
	size := inventory.SegmentSize
	start := size.Start(wal.Segment{Number: number})
	sources := path.Sources(size, number, start+wal.LSN(size))
	name := fmt.Sprintf("segment %d", number)
	if len(sources) > 0 {
		name = size.Name(wal.Segment{Timeline: sources[0], Number: number})
	}
	err := failure.New(failure.WALGap, "WAL segment %s (%s) is in no store: %s (set %s)", name, start, why, set.ID)
	if start > set.StopLSN {
		return err.WithHint("copy pg_wal/%s from the damaged cluster or a replica into the archive with `worker wal push`, or recover only up to the gap: --target-lsn %s", name, start-1)
	}
	return err.WithHint("copy pg_wal/%s from the damaged cluster or a replica into the archive with `worker wal push`, or choose an older target: starter backup list", name)
}
