package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Reached is where recovery ended, as read from the recovered cluster while it
// is paused at the target, or afterwards from the history file that promotion
// wrote: its last line names the timeline and the position replay ended at.
type Reached struct {
	SystemID       wal.SystemID `json:"system_id"`
	Timeline       wal.Timeline `json:"timeline"`                  // replay ended on it; not the one promotion began
	LSN            wal.LSN      `json:"lsn"`                       // pg_last_wal_replay_lsn(): end of the last record replayed
	LastCommitTime time.Time    `json:"last_commit_time,omitzero"` // pg_last_xact_replay_timestamp(); zero: none replayed
	Paused         bool         `json:"paused"`                    // the server says it stopped at the target by itself
	Newest         *Heartbeat   `json:"newest,omitempty"`          // newest heartbeat row found; nil: none
}

// commitSlack is how much later than its own timestamp a heartbeat row may have
// committed: a row written this shortly before a time target may rightly be absent.
const commitSlack = 2 * time.Second

// CompareReached returns nil only if recovery ended where the choice said it
// would. A server that started, and a process that exited 0, prove nothing.
//
//   - all: the choice's system (else IdentityMismatch); at or past the set's
//     consistency point; on the chosen path, so not on another branch and not
//     stopped at the backup's own timeline with the rest silently missing; and
//     at or past the newest heartbeat that is certain to be included (for a time,
//     one at least commitSlack older than the target).
//   - lsn, inclusive: a record beginning at or after the target was replayed, so
//     the end is beyond it, by at most two segments (a segment may be left early).
//   - lsn, exclusive: the end is not beyond the target; it may lie before it by at
//     most one segment, and then only if the server says it stopped by itself.
//   - time: last commit at or before the target (before it, when exclusive), the
//     end before the first heartbeat known to be later, no later heartbeat row.
//   - name: the end is exactly the restore point.
//   - latest: inside the last whole segment or beyond.
//
// Misses are failure.TargetMissed.
func CompareReached(asked Choice, reached Reached) error {
	if reached.SystemID != asked.Set.SystemID {
		return failure.New(failure.IdentityMismatch, "the recovered cluster is system %s, asked for %s", reached.SystemID, asked.Set.SystemID).
			WithHint("do not cut over; check which set was restored: starter backup list")
	}
	if reached.LSN < asked.Set.StopLSN {
		return missed(asked, reached, "the set is consistent only from %s on", asked.Set.StopLSN)
	}
	if !asked.TimelinePath.Reached(reached.Timeline, reached.LSN) {
		return missed(asked, reached, "that is not on the way to timeline %d", asked.TargetTimeline)
	}
	switch asked.Target.Kind {
	case TargetLSN:
		return compareLSN(asked, reached)
	case TargetTime:
		return compareTime(asked, reached)
	case TargetName:
		if reached.LSN != asked.ExpectedReach.LSN {
			return missed(asked, reached, "the restore point is at %s", asked.ExpectedReach.LSN)
		}
		return nil
	case TargetLatest:
		return compareLatest(asked, reached)
	}
	return failure.Invalid("target.kind", "%.40q is none of time, lsn, name, latest", string(asked.Target.Kind))
}

func compareLSN(asked Choice, reached Reached) error {
	target, segment := asked.Target.LSN, wal.LSN(asked.SegmentSize)
	switch {
	case reached.LSN < asked.ExpectedReach.Proof:
		return missedProof(asked, reached)
	case asked.Target.Inclusive && reached.LSN <= target:
		return missed(asked, reached, "the record at the target was not replayed")
	case asked.Target.Inclusive && reached.LSN > target+2*segment:
		return missed(asked, reached, "that is far beyond the target")
	case asked.Target.Inclusive:
		return nil
	case reached.LSN > target:
		return missed(asked, reached, "that is beyond the target: what was to be left out may be included")
	case reached.LSN < target && (!reached.Paused || target-reached.LSN > segment):
		return missed(asked, reached, "nothing proves that replay got as far as the target")
	}
	return nil
}

func compareTime(asked Choice, reached Reached) error {
	target, expected := asked.Target.Time, asked.ExpectedReach
	last := reached.LastCommitTime
	late := last.After(target) || (!asked.Target.Inclusive && last.Equal(target))
	switch {
	case late:
		return missed(asked, reached, "its last commit is of %s, after the target", timeText(last))
	case reached.Newest != nil && reached.Newest.At.After(target):
		return missed(asked, reached, "it holds heartbeat %d of %s, after the target", reached.Newest.Sequence, timeText(reached.Newest.At))
	case expected.Basis == BasisHeartbeat && reached.LSN >= expected.LSN:
		return missed(asked, reached, "the first heartbeat after the target ends at %s", expected.LSN)
	case reached.LSN < expected.Proof:
		return missedProof(asked, reached)
	case reached.Newest != nil && reached.Newest.At.Before(expected.ProofAt):
		return missedProof(asked, reached)
	}
	return nil
}

func compareLatest(asked Choice, reached Reached) error {
	if reached.LSN < asked.ExpectedReach.Proof {
		return missedProof(asked, reached)
	}
	if len(asked.Segments) == 0 {
		return nil
	}
	last := asked.Segments[len(asked.Segments)-1]
	start := asked.SegmentSize.Start(wal.Segment{Number: last.Last})
	if reached.LSN <= start {
		return missed(asked, reached, "the last whole segment begins at %s and was not replayed", start)
	}
	return nil
}

func missedProof(asked Choice, reached Reached) error {
	return missed(asked, reached, "a commit of %s, ending at %s, is known to lie before the target and is not included",
		timeText(asked.ExpectedReach.ProofAt), asked.ExpectedReach.Proof)
}

func missed(asked Choice, reached Reached, format string, args ...any) error {
	why := failure.New(failure.TargetMissed, format, args...).
		WithHint("do not cut over; read the recovered server's log for where replay stopped, then choose again: starter status")
	return failure.Wrap(failure.TargetMissed, why, "asked for %s, recovery ended at %s on timeline %d",
		asked.Target, reached.LSN, reached.Timeline)
}
