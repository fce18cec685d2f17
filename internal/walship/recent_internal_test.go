package walship

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

func TestTailRestsWhileSegmentsSuffice(t *testing.T) {
	t.Parallel()
	const interval = time.Minute
	type archived struct {
		number uint64
		ago    time.Duration // when it was written to last
	}
	for name, tt := range map[string]struct {
		archived []archived
		lacking  uint64 // the first segment that stores lack
		writing  wal.Timeline
		rests    bool
	}{
		"nothing archived":         {lacking: 7, writing: 1},
		"one alone":                {lacking: 7, archived: []archived{{6, time.Second}}, writing: 1},
		"two":                      {lacking: 7, archived: []archived{{5, 20 * time.Second}, {6, time.Second}}, writing: 1, rests: true},
		"two, slowly":              {lacking: 7, archived: []archived{{5, 65 * time.Second}, {6, time.Second}}, writing: 1},
		"of a backlog that is new": {lacking: 4, archived: []archived{{2, 51 * time.Second}, {3, 50 * time.Second}}, writing: 1, rests: true},
		"of a backlog":             {lacking: 5, archived: []archived{{3, 62 * time.Second}, {4, 61 * time.Second}}, writing: 1},
		"on another timeline":      {lacking: 7, archived: []archived{{5, 20 * time.Second}, {6, time.Second}}, writing: 2},
		"of all since a rest":      {lacking: 3, archived: []archived{{3, 3 * time.Second}, {4, 2 * time.Second}, {5, time.Second}}, writing: 1, rests: true},
		"one left out":             {lacking: 3, archived: []archived{{3, 3 * time.Second}, {5, 2 * time.Second}, {6, time.Second}}, writing: 1},
		"written in the future":    {lacking: 7, archived: []archived{{5, time.Second}, {6, -time.Hour}}, writing: 1},
	} {
		var recent recentSegments
		for _, one := range tt.archived {
			recent.add(wal.Segment{Timeline: 1, Number: one.number}, time.Now().Add(-one.ago))
		}
		if got := recent.aheadOfTail(wal.Segment{Timeline: 1, Number: tt.lacking}, tt.writing, time.Now(), interval); got != tt.rests {
			t.Errorf("%s: rests %v", name, got)
		}
	}
}

func TestRestKeepsTellingHowOldBytesMayBe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		archived map[uint64]time.Duration // segment, and how long ago it was written to last
		rests    time.Duration
	}{
		"nothing behind it for an interval": {archived: map[uint64]time.Duration{6: 1500 * time.Millisecond}, rests: 500 * time.Millisecond},
		"waited when it began":              {archived: map[uint64]time.Duration{6: time.Minute}},
		"a hole":                            {archived: map[uint64]time.Duration{8: time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			stream, where := sinceTail(t)
			stream.reached, stream.settled = where, time.Now().Add(-time.Hour)
			for number, ago := range tt.archived {
				stream.archiver.recent.add(wal.Segment{Timeline: 1, Number: number}, time.Now().Add(-ago))
			}
			began := time.Now()
			stream.rest(t.Context())
			if got := time.Since(began); got < tt.rests || got > tt.rests+restPoll {
				t.Errorf("%s: rested %s, want %s", name, got, tt.rests)
			}
			if lag := stream.meter.snapshot(time.Now()).TailLag; lag < 2*time.Second {
				t.Errorf("%s: the status says that bytes wait since %s", name, lag)
			}
		})
	}
}

// PostgreSQL pushes again what it was not told is archived.
func TestASegmentPushedTwiceIsOne(t *testing.T) {
	t.Parallel()
	var recent recentSegments
	for range 2 {
		recent.add(wal.Segment{Timeline: 1, Number: 6}, time.Now())
	}
	if recent.aheadOfTail(wal.Segment{Timeline: 1, Number: 7}, 1, time.Now(), time.Minute) {
		t.Error("one segment counts as two that filled up at once")
	}
}
