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
	written, past := byOurClock(written)
	if !past {
		written = time.Time{}
	}
	if last := len(r.list) - 1; last >= 0 && r.list[last].Segment == seg { // PostgreSQL did not hear of it
		return
	}
	r.list = append(r.list, archivedSegment{seg, written})
	if len(r.list) > rememberedSegments {
		r.list = slices.Delete(r.list, 0, len(r.list)-rememberedSegments)
	}
}

// byOurClock turns a file's time into one of a clock that nobody sets; false: it lies in
// the future, and says nothing.
func byOurClock(at time.Time) (time.Time, bool) {
	now := time.Now()
	age := now.Sub(at)
	return now.Add(-age), age >= 0
}

// writtenBehind is when what comes behind the last archived segment was written at the
// earliest; zero where that is not known: a segment was left out from the first that
// stores lack on, or the server writes another timeline.
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
// would ship them: if the next takes as long to fill up as the last, it is archived
// before what is in it has waited for an interval.
func (r *recentSegments) aheadOfTail(lacking wal.Segment, timeline wal.Timeline, now time.Time, interval time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.behind(lacking, timeline)
	if last.IsZero() || len(r.list) < 2 {
		return false
	}
	filled := last.Sub(r.list[len(r.list)-2].written)
	return now.Sub(last)+max(filled, 0) < interval
}

func (r *recentSegments) has(seg wal.Segment) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holds(seg)
}

func (r *recentSegments) holds(seg wal.Segment) bool {
	return slices.ContainsFunc(r.list, func(one archivedSegment) bool { return one.Segment == seg })
}
