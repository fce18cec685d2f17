package recovery_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	system  wal.SystemID    = 7310000000000000001
	segment wal.SegmentSize = 1 << 20
)

var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// at is the time at which the primary wrote position segments*segment.
func at(segments float64) time.Time {
	return epoch.Add(time.Duration(segments * float64(time.Minute)))
}

func lsn(segments float64) wal.LSN { return wal.LSN(segments * float64(segment)) }

func set(id string, tli wal.Timeline, start, stop float64) recovery.SetSummary {
	return recovery.SetSummary{
		ID: id, Kind: recovery.SetFull, SystemID: system, Timeline: tli, StartLSN: lsn(start), StopLSN: lsn(stop),
		StartedAt: at(start), StoppedAt: at(stop), Verified: recovery.VerifiedRead, Stores: []string{"one", "two"}, SizeBytes: 1000,
	}
}

func have(tli wal.Timeline, first, last uint64) recovery.SegmentRange {
	return recovery.SegmentRange{Range: wal.Range{Timeline: tli, First: first, Last: last}, Stores: []string{"one"}, ArchivedAt: at(float64(last + 1))}
}

func beat(tli wal.Timeline, position float64) recovery.Heartbeat {
	return recovery.Heartbeat{Sequence: uint64(position * 10), At: at(position), LSN: lsn(position), Timeline: tli, SystemID: system, Incarnation: "a"}
}

// steady is one timeline, two sets, whole WAL from 1 to 20 and a tail.
func steady() recovery.Question {
	q := recovery.Question{
		SystemID: system, Now: at(60),
		Sets: []recovery.SetSummary{set("old", 1, 2.25, 3.5), set("new", 1, 10.25, 11.5)},
		WAL: recovery.WALInventory{
			SystemID: system, SegmentSize: segment, Ranges: []recovery.SegmentRange{have(1, 1, 20)},
			Tails: []recovery.Tail{{Timeline: 1, Number: 21, ValidUpTo: lsn(21.5), ObservedAt: at(21.5), Stores: []string{"two"}}},
		},
	}
	for position := 1.5; position <= 21.5; position += 0.5 {
		q.Heartbeats = append(q.Heartbeats, beat(1, position))
	}
	return q
}

// failedOver adds timeline 2, which left timeline 1 at 12.5 and reached 25.
func failedOver() recovery.Question {
	q := steady()
	q.WAL.Tails = nil
	q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 11), have(2, 12, 24)}
	q.WAL.Histories = []wal.History{{Timeline: 2, Ancestors: []wal.Ancestor{{Timeline: 1, End: lsn(12.5)}}}}
	q.Heartbeats = slices.DeleteFunc(q.Heartbeats, func(b recovery.Heartbeat) bool { return b.LSN > lsn(12.5) })
	for position := 13.0; position <= 24.5; position += 0.5 {
		q.Heartbeats = append(q.Heartbeats, beat(2, position))
	}
	return q
}

func toTime(position float64) recovery.Target {
	return recovery.Target{Kind: recovery.TargetTime, Time: at(position), Inclusive: true}
}

func toLSN(position float64) recovery.Target {
	return recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(position)}
}

var toLatest = recovery.Target{Kind: recovery.TargetLatest}

func TestChooseOnOneTimeline(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		target recovery.Target
		set    string
		ranges []wal.Range
		tail   bool
		reach  recovery.Reach
		loss   time.Duration
	}{
		"a time between two heartbeats": {
			toTime(15.2), "new",
			[]wal.Range{{Timeline: 1, First: 10, Last: 15}},
			false,
			recovery.Reach{LSN: lsn(15.5), Time: at(15), Proof: lsn(15), ProofAt: at(15), Basis: recovery.BasisHeartbeat},
			6*time.Minute + 30*time.Second,
		},
		"a time before the newest set's end": {
			toTime(11.2), "old",
			[]wal.Range{{Timeline: 1, First: 2, Last: 11}},
			false,
			recovery.Reach{LSN: lsn(11.5), Time: at(11), Proof: lsn(11), ProofAt: at(11), Basis: recovery.BasisHeartbeat},
			10*time.Minute + 30*time.Second,
		},
		"a position": {
			toLSN(12.25), "new",
			[]wal.Range{{Timeline: 1, First: 10, Last: 12}},
			false,
			recovery.Reach{LSN: lsn(12.25), Time: at(12), Proof: lsn(12), ProofAt: at(12), Basis: recovery.BasisExact},
			9*time.Minute + 30*time.Second,
		},
		"a position at a segment's start": {
			toLSN(13), "new",
			[]wal.Range{{Timeline: 1, First: 10, Last: 13}},
			false,
			recovery.Reach{LSN: lsn(13), Time: at(13), Proof: lsn(13), ProofAt: at(13), Basis: recovery.BasisExact},
			8*time.Minute + 30*time.Second,
		},
		"latest, with the tail (L12)": {
			toLatest, "new",
			[]wal.Range{{Timeline: 1, First: 10, Last: 20}},
			true,
			recovery.Reach{LSN: lsn(21.5), Time: at(21.5), Proof: lsn(21.5), ProofAt: at(21.5), Basis: recovery.BasisHeartbeat},
			0,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := steady()
			q.Target = c.target
			choice, err := recovery.Choose(q)
			if err != nil {
				t.Fatal(err)
			}
			if choice.Set.ID != c.set || (choice.TailUsed != nil) != c.tail {
				t.Errorf("set %s, tail %v", choice.Set.ID, choice.TailUsed)
			}
			if diff := cmp.Diff(c.ranges, bare(choice.Segments)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.reach, choice.ExpectedReach); diff != "" {
				t.Error(diff)
			}
			if want := (recovery.Amount{Duration: c.loss, Known: true}); choice.ExpectedLoss != want {
				t.Errorf("loss %s, want %s", choice.ExpectedLoss, want)
			}
		})
	}
}

func bare(segments []recovery.SegmentRange) []wal.Range {
	var ranges []wal.Range
	for _, s := range segments {
		ranges = append(ranges, s.Range)
	}
	return ranges
}

func TestL2L7L13ChooseAcrossAFailover(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		target   recovery.Target
		change   func(*recovery.Question)
		timeline wal.Timeline
		ranges   []wal.Range
	}{
		"L7 latest follows the history": {toLatest, nil, 2, []wal.Range{{Timeline: 1, First: 10, Last: 11}, {Timeline: 2, First: 12, Last: 24}}},
		"L2 a set taken after the failover": {
			toLatest,
			func(q *recovery.Question) { q.Sets = append(q.Sets, set("after", 2, 14.25, 15.5)) }, 2,
			[]wal.Range{{Timeline: 2, First: 14, Last: 24}},
		},
		"a time before the failover": {toTime(12.2), nil, 2, []wal.Range{{Timeline: 1, First: 10, Last: 11}, {Timeline: 2, First: 12, Last: 12}}},
		"the parent's copy serves up to the switch": {
			toLSN(12.25),
			func(q *recovery.Question) {
				q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 12), have(2, 13, 24)}
			}, 2,
			[]wal.Range{{Timeline: 1, First: 10, Last: 12}},
		},
		"L13 a forgotten primary does not capture latest": {
			toLatest,
			func(q *recovery.Question) {
				q.WAL.Ranges = append(q.WAL.Ranges, have(1, 12, 14))
				q.Heartbeats = append(q.Heartbeats, beat(1, 13.9), beat(1, 14.4))
			}, 2,
			[]wal.Range{{Timeline: 1, First: 10, Last: 11}, {Timeline: 2, First: 12, Last: 24}},
		},
		"L13 nor a time at which both were alive": {
			toTime(14.2),
			func(q *recovery.Question) {
				q.WAL.Ranges = append(q.WAL.Ranges, have(1, 12, 14))
				q.Heartbeats = append(q.Heartbeats, beat(1, 14.1), beat(1, 14.4))
			}, 2,
			[]wal.Range{{Timeline: 1, First: 10, Last: 11}, {Timeline: 2, First: 12, Last: 14}},
		},
		"after a rolled-back recovery the old timeline lives on": {
			toLatest,
			func(q *recovery.Question) {
				q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 30), have(2, 12, 13)}
				q.Heartbeats = append([]recovery.Heartbeat{beat(2, 13)}, beat(1, 30.5))
			}, 1,
			[]wal.Range{{Timeline: 1, First: 10, Last: 30}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := failedOver()
			q.Target = c.target
			if c.change != nil {
				c.change(&q)
			}
			choice, err := recovery.Choose(q)
			if err != nil {
				t.Fatal(err)
			}
			if choice.TargetTimeline != c.timeline {
				t.Errorf("timeline %d, want %d", choice.TargetTimeline, c.timeline)
			}
			if diff := cmp.Diff(c.ranges, bare(choice.Segments)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A recovery at 10:30 to the state of 09:00 made timeline 2. Whoever asks for
// 10:00 means what was served at 10:00, which only timeline 1 has.
func TestTimeTargetFindsTheTimelineAliveThen(t *testing.T) {
	t.Parallel()
	q := failedOver()
	q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 20), have(2, 12, 24)}
	q.Heartbeats = slices.DeleteFunc(q.Heartbeats, func(b recovery.Heartbeat) bool { return b.Timeline == 2 })
	for position := 13.0; position <= 20.5; position += 0.5 {
		q.Heartbeats = append(q.Heartbeats, beat(1, position))
		recovered := beat(2, position)
		recovered.At = recovered.At.Add(time.Hour)
		q.Heartbeats = append(q.Heartbeats, recovered)
	}
	q.Target, q.Now = toTime(16.2), at(600)
	choice, err := recovery.Choose(q)
	if err != nil {
		t.Fatal(err)
	}
	if choice.TargetTimeline != 1 || choice.ExpectedReach.Time != at(16) {
		t.Errorf("timeline %d reaching %s", choice.TargetTimeline, choice.ExpectedReach.Time)
	}
	if !slices.ContainsFunc(choice.Why, func(s string) bool { return len(s) > 10 && s[:10] == "Timeline 2" }) {
		t.Errorf("the other branch is not mentioned: %q", choice.Why)
	}
}

func TestChooseRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		target  recovery.Target
		change  func(*recovery.Question)
		class   failure.Class
		message string
	}{
		"L4 a gap after the set": {
			toTime(18.2), func(q *recovery.Question) { q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 13), have(1, 15, 20)} },
			failure.WALGap, "00000001000000000000000E",
		},
		"L4 a gap inside the set": {
			toTime(18.2), func(q *recovery.Question) { q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 9), have(1, 11, 20)} },
			failure.WALGap, "00000001000000000000000A",
		},
		"a gap before the tail": {
			toLatest, func(q *recovery.Question) { q.WAL.Ranges = []recovery.SegmentRange{have(1, 1, 18)} },
			failure.WALGap, "000000010000000000000013",
		},
		"a range that no store has": {toLatest, func(q *recovery.Question) { q.WAL.Ranges[0].Stores = nil }, failure.WALGap, "00000001000000000000000A"},
		"before the oldest set":     {toTime(3.2), nil, failure.TargetUnreachable, "set: old is consistent from 2026-03-01T09:03:30Z"},
		"after the newest WAL":      {toTime(25), nil, failure.TargetUnreachable, "ends at 0/1580000, newest commit known in it 2026-03-01T09:21:30Z"},
		"after the newest position": {toLSN(22), nil, failure.TargetUnreachable, "ends at 0/1580000"},
		"in the future":             {toTime(61), nil, failure.InvalidInput, "in the future"},
		"an unknown timeline":       {recovery.Target{Kind: recovery.TargetLatest, Timeline: 9}, nil, failure.TargetUnreachable, "timeline 9"},
		"an unknown name": {recovery.Target{Kind: recovery.TargetName, Name: "deploy-8"}, func(q *recovery.Question) {
			q.RestorePoints = []recovery.RestorePoint{{Name: "deploy-7", LSN: lsn(12), Timeline: 1, At: at(12)}}
		}, failure.TargetUnreachable, `"deploy-8" is not known`},
		"WAL of another cluster":  {toLatest, func(q *recovery.Question) { q.WAL.SystemID++ }, failure.IdentityMismatch, "the WAL belongs to system"},
		"sets of another cluster": {toLatest, func(q *recovery.Question) { q.Sets[0].SystemID++; q.Sets[1].SystemID++ }, failure.IdentityMismatch, "belong to other systems"},
		"only damaged sets":       {toLatest, func(q *recovery.Question) { q.Sets[0].Damaged, q.Sets[1].Damaged = true, true }, failure.TargetUnreachable, "none of the 2 sets"},
		"no set":                  {toLatest, func(q *recovery.Question) { q.Sets = nil }, failure.TargetUnreachable, "no backup set"},
		"a history out of order": {toLatest, func(q *recovery.Question) {
			q.WAL.Histories = []wal.History{{Timeline: 2, Ancestors: []wal.Ancestor{{Timeline: 3, End: 1}}}}
		}, failure.InvalidInput, "timeline 2"},
		"a range backwards":      {toLatest, func(q *recovery.Question) { q.WAL.Ranges[0].Last = 0 }, failure.InvalidInput, "is not a range"},
		"an impossible position": {recovery.Target{Kind: recovery.TargetLSN, LSN: ^wal.LSN(0)}, nil, failure.InvalidInput, "beyond any log"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := steady()
			q.Target = c.target
			if c.change != nil {
				c.change(&q)
			}
			_, err := recovery.Choose(q)
			expect(t, err, c.class, c.message)
		})
	}
}

func TestChooseNamedPoint(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Target = recovery.Target{Kind: recovery.TargetName, Name: "deploy"}
	q.RestorePoints = []recovery.RestorePoint{
		{Name: "deploy", LSN: lsn(5), Timeline: 1, At: at(5)}, {Name: "deploy", LSN: lsn(14.5), Timeline: 1, At: at(14.5)},
	}
	choice, err := recovery.Choose(q)
	if err != nil || choice.Set.ID != "new" || choice.ExpectedReach.LSN != lsn(14.5) {
		t.Fatalf("%v %+v", err, choice.ExpectedReach)
	}
	// From the old set, replay would stop at the older point of the same name.
	q.Sets = q.Sets[:1]
	_, err = recovery.Choose(q)
	expect(t, err, failure.TargetUnreachable, "oldest usable set")
}

func TestChooseEstimatesWithoutHeartbeats(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Heartbeats, q.Target = nil, toTime(15.2)
	choice, err := recovery.Choose(q)
	if err != nil {
		t.Fatal(err)
	}
	if choice.ExpectedReach.Basis != recovery.BasisEstimate || !choice.ExpectedReach.Time.IsZero() || choice.ExpectedLoss.Known {
		t.Errorf("an estimate must not look like knowledge: %+v, loss %s", choice.ExpectedReach, choice.ExpectedLoss)
	}
}

func TestDamagedSetIsPassedOverAndSaid(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Sets[1].Damaged, q.Target = true, toTime(15.2)
	choice, err := recovery.Choose(q)
	if err != nil || choice.Set.ID != "old" {
		t.Fatalf("%v, set %s", err, choice.Set.ID)
	}
	if !slices.Contains(choice.Why, "Newer set new is passed over: its source was already damaged.") {
		t.Errorf("reasons: %q", choice.Why)
	}
}

func TestEstimatedDurationNeedsMeasuredRates(t *testing.T) {
	t.Parallel()
	q := steady()
	q.Target = toLSN(12.25)
	choice, err := recovery.Choose(q)
	if err != nil || choice.EstimatedDuration.Known {
		t.Fatalf("%v, %s", err, choice.EstimatedDuration)
	}
	q.Rates = recovery.Rates{FetchBytesPerSecond: 1 << 20, ReplayBytesPerSecond: 1 << 20, Overhead: time.Second}
	choice, err = recovery.Choose(q)
	// Three whole segments are fetched with the set's 1000 bytes, then replayed.
	if err != nil || choice.EstimatedDuration.Duration.Truncate(time.Second) != 7*time.Second || choice.BytesToFetch != 1000+3*(1<<20) {
		t.Fatalf("%v, %s, %d bytes", err, choice.EstimatedDuration, choice.BytesToFetch)
	}
}
