package recovery_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// L1: exit 0 is not success. Each case ends recovery somewhere, and says whether
// that is where it was asked to end.
func TestL1CompareReached(t *testing.T) {
	t.Parallel()
	inclusive := toLSN(14.25)
	inclusive.Inclusive = true
	cases := map[string]struct {
		target   recovery.Target
		reached  recovery.Reached
		class    failure.Class
		contains string
	}{
		"time: just before": {toTime(15.2), recovery.Reached{Timeline: 2, LSN: lsn(15.25), LastCommitTime: at(15.1)}, "", ""},
		"time: a commit after it": {
			toTime(15.2),
			recovery.Reached{Timeline: 2, LSN: lsn(15.25), LastCommitTime: at(15.3)},
			failure.TargetMissed, "after the target",
		},
		"time: a heartbeat row after it": {
			toTime(15.2),
			recovery.Reached{Timeline: 2, LSN: lsn(15.25), LastCommitTime: at(15.1), Newest: ptr(beat(2, 15.5))},
			failure.TargetMissed, "heartbeat",
		},
		"time: past the next heartbeat": {
			toTime(15.2),
			recovery.Reached{Timeline: 2, LSN: lsn(15.5), LastCommitTime: at(15.1)},
			failure.TargetMissed, "first heartbeat after",
		},
		"time: stopped at the backup's timeline": {
			toTime(15.2),
			recovery.Reached{Timeline: 1, LSN: lsn(12.5), LastCommitTime: at(12.4)},
			failure.TargetMissed, "known to lie before the target",
		},
		"time: on another branch": {
			toTime(15.2),
			recovery.Reached{Timeline: 1, LSN: lsn(15.25), LastCommitTime: at(15.1)},
			failure.TargetMissed, "not on the way to timeline 2",
		},
		"time: newest row too old": {
			toTime(15.2),
			recovery.Reached{Timeline: 2, LSN: lsn(15.25), LastCommitTime: at(15.1), Newest: ptr(beat(2, 14.5))},
			failure.TargetMissed, "known to lie before",
		},
		"another system": {
			toTime(15.2),
			recovery.Reached{SystemID: 5, Timeline: 2, LSN: lsn(15.25), LastCommitTime: at(15.1)},
			failure.IdentityMismatch, "system 5",
		},
		"not consistent":                  {toTime(15.2), recovery.Reached{Timeline: 1, LSN: lsn(11)}, failure.TargetMissed, "consistent only from"},
		"lsn: exactly":                    {toLSN(14.25), recovery.Reached{Timeline: 2, LSN: lsn(14.25)}, "", ""},
		"lsn: exclusive and beyond":       {toLSN(14.25), recovery.Reached{Timeline: 2, LSN: lsn(14.25) + 1}, failure.TargetMissed, "beyond the target"},
		"lsn: exclusive, a page early":    {toLSN(14.25), recovery.Reached{Timeline: 2, LSN: lsn(14.25) - 24, Paused: true}, "", ""},
		"lsn: exclusive, early, unproved": {toLSN(14.25), recovery.Reached{Timeline: 2, LSN: lsn(14.25) - 24}, failure.TargetMissed, "nothing proves"},
		"lsn: inclusive, record replayed": {inclusive, recovery.Reached{Timeline: 2, LSN: lsn(14.25) + 56}, "", ""},
		"lsn: inclusive, not replayed":    {inclusive, recovery.Reached{Timeline: 2, LSN: lsn(14.25)}, failure.TargetMissed, "not replayed"},
		"lsn: inclusive, far beyond":      {inclusive, recovery.Reached{Timeline: 2, LSN: lsn(18)}, failure.TargetMissed, "far beyond"},
		"latest: all of it":               {toLatest, recovery.Reached{Timeline: 2, LSN: lsn(24.75)}, "", ""},
		"latest: a heartbeat is missing":  {toLatest, recovery.Reached{Timeline: 2, LSN: lsn(24.25)}, failure.TargetMissed, "known to lie before"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := failedOver()
			q.Target = c.target
			choice, err := recovery.Choose(q)
			if err != nil {
				t.Fatal(err)
			}
			if c.reached.SystemID == 0 {
				c.reached.SystemID = system
			}
			err = recovery.CompareReached(choice, c.reached)
			if c.class == "" && err != nil {
				t.Fatal(err)
			}
			if c.class != "" {
				expect(t, err, c.class, c.contains)
			}
		})
	}
}

func TestCompareReachedRestorePoint(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Target = recovery.Target{Kind: recovery.TargetName, Name: "deploy"}
	q.RestorePoints = []recovery.RestorePoint{{Name: "deploy", LSN: lsn(14.5), Timeline: 1, At: at(14.5)}}
	choice, err := recovery.Choose(q)
	if err != nil {
		t.Fatal(err)
	}
	reached := recovery.Reached{SystemID: system, Timeline: 1, LSN: lsn(14.5)}
	if err := recovery.CompareReached(choice, reached); err != nil {
		t.Error(err)
	}
	reached.LSN -= 8
	expect(t, recovery.CompareReached(choice, reached), failure.TargetMissed, "the restore point is at")
}

// A row written within the slack before the target may have committed after it.
func TestCompareReachedAllowsForCommitDelay(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Target = recovery.Target{Kind: recovery.TargetTime, Time: at(15).Add(time.Second), Inclusive: true}
	choice, err := recovery.Choose(q)
	if err != nil {
		t.Fatal(err)
	}
	reached := recovery.Reached{SystemID: system, Timeline: 1, LSN: lsn(14.75), LastCommitTime: at(14.7)}
	if err := recovery.CompareReached(choice, reached); err != nil {
		t.Error(err)
	}
}

func ptr[T any](v T) *T { return &v }

// L1 with heartbeats every second: the newest one before the target may have
// committed too late, but the ones before it prove that WAL is missing.
func TestL1WithHeartbeatsEverySecond(t *testing.T) {
	t.Parallel()
	q := failedOver()
	q.Heartbeats = nil
	for second := 0; second <= 20*60; second++ {
		position := float64(second) / 60
		timeline := wal.Timeline(1)
		if position > 12.5 {
			timeline = 2
		}
		q.Heartbeats = append(q.Heartbeats, beat(timeline, position))
	}
	q.Target = toTime(15.205)
	choice, err := recovery.Choose(q)
	if err != nil {
		t.Fatal(err)
	}
	stopped := recovery.Reached{SystemID: system, Timeline: 1, LSN: lsn(12.5), LastCommitTime: at(12.4)}
	expect(t, recovery.CompareReached(choice, stopped), failure.TargetMissed, "known to lie before the target")
	good := recovery.Reached{SystemID: system, Timeline: 2, LSN: lsn(15.2), LastCommitTime: at(15.19)}
	if err := recovery.CompareReached(choice, good); err != nil {
		t.Error(err)
	}
}
