package walship

import (
	"slices"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// recentSegments remembers what was archived lately, so that the tail does not
// ship the rest of a segment that stores hold whole.
type recentSegments struct {
	mu   sync.Mutex
	list []archivedSegment // as they were archived
}

type archivedSegment struct {
	wal.Segment
	written time.Time // last: what follows was written after that; zero: not known
}

const rememberedSegments = 256

// add remembers a segment, and when PostgreSQL last wrote to it, by the file system's
// clock: one in the future says nothing.
func (r *recentSegments) add(seg wal.Segment, written time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if age := now.Sub(written); age >= 0 {
		written = now.Add(-age) // from here on by a clock that nobody sets
	} else {
		written = time.Time{}
	}
	r.list = append(r.list, archivedSegment{seg, written})
	if len(r.list) > rememberedSegments {
		r.list = slices.Delete(r.list, 0, len(r.list)-rememberedSegments)
	}
}

// since is when what comes behind the last archived segment was written at the
// earliest; zero: not known.
func (r *recentSegments) since() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return time.Time{}
	}
	return r.list[len(r.list)-1].written
}

// writtenBehind is since where no segment was left out from the first that stores lack
// on; zero where one was, or the server writes another timeline.
func (r *recentSegments) writtenBehind(lacking wal.Segment, timeline wal.Timeline) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.behind(lacking, timeline)
}

func (r *recentSegments) behind(lacking wal.Segment, timeline wal.Timeline) time.Time {
	if len(r.list) == 0 {
		return time.Time{}
	}
	last := r.list[len(r.list)-1]
	if last.Timeline != timeline {
		return time.Time{}
	}
	for ; lacking.Number <= last.Number; lacking = lacking.Next() {
		if !r.holds(lacking) {
			return time.Time{}
		}
	}
	return last.written
}

// aheadOfTail reports whether segments fill up, and are archived, sooner than the tail
// would ship them: the last took less than its interval, with some room for archiving
// the next, and nothing behind it has waited that long.
func (r *recentSegments) aheadOfTail(lacking wal.Segment, timeline wal.Timeline, now time.Time, interval time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.behind(lacking, timeline)
	if last.IsZero() || len(r.list) < 2 {
		return false
	}
	before := r.list[len(r.list)-2].written
	return now.Sub(last) < interval && last.Sub(before) < interval*3/4
}

func (r *recentSegments) has(seg wal.Segment) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holds(seg)
}

func (r *recentSegments) holds(seg wal.Segment) bool {
	return slices.ContainsFunc(r.list, func(one archivedSegment) bool { return one.Segment == seg })
}
