package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// tooEarly says that the target lies before every usable set's consistency
// point, or that no set is usable at all.
func tooEarly(q Question, r route, sets []SetSummary) error {
	if len(sets) == 0 {
		return failure.New(failure.TargetUnreachable, "none of the %d sets can start recovery on timeline %d: they are damaged, incomplete, of another system, or off its path%s",
			len(q.Sets), r.timeline(), missingHistory(r)).
			WithHint("see each set's state: starter backup list")
	}
	oldest := slices.MinFunc(sets, preference)
	return failure.New(failure.TargetUnreachable, "the target (%s) lies before the oldest usable set: %s is consistent from %s (%s) on",
		q.Target, oldest.ID, timeText(oldest.StoppedAt), oldest.StopLSN).
		WithHint("choose a target at or after %s, or look for older sets: starter backup list", timeText(oldest.StoppedAt))
}

func missingHistory(r route) string {
	if !r.noHistory {
		return ""
	}
	return fmt.Sprintf(" (history file %s is in no store, so sets of its ancestors cannot be used)", wal.HistoryName(r.timeline()))
}

// tooLate says that the target lies after everything that survived.
func tooLate(q Question, all []route) error {
	var end wal.LSN
	var newest time.Time
	for _, r := range all {
		end = max(end, r.extent)
		if beat := lastBeat(r.beats, r.extent); beat != nil && beat.At.After(newest) {
			newest = beat.At
		}
	}
	return failure.New(failure.TargetUnreachable, "the target (%s) lies after the newest WAL: it ends at %s, newest commit known in it %s",
		q.Target, end, timeText(newest)).
		WithHint("recover everything that survived with --latest, or choose a target before these bounds")
}

// timeText prints a time for people, and the zero time as unknown.
func timeText(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2006-01-02T15:04:05.999Z07:00")
}

func listed(names []string, limit int) string {
	if len(names) <= limit {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
}

func tailSegment(t Tail) wal.Segment { return wal.Segment{Timeline: t.Timeline, Number: t.Number} }
