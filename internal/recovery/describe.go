package recovery

import (
	"fmt"
	"time"
)

// describe completes the choice with what people want to know before approving.
func describe(q Question, r route, g goal, set SetSummary, proved chain) Choice {
	choice := Choice{
		Target: q.Target, Set: set, TargetTimeline: r.timeline(), TimelinePath: r.path,
		Segments: proved.segments, TailUsed: proved.tail, SegmentSize: q.WAL.SegmentSize, ExpectedReach: g.reach,
	}
	if g.open {
		choice.ExpectedReach = openReach(r, proved)
	}
	choice.ExpectedLoss = expectedLoss(q, choice.ExpectedReach)
	walBytes := walBytes(choice)
	choice.BytesToFetch = fetchBytes(set) + walBytes
	choice.EstimatedDuration = estimate(q.Rates, choice.BytesToFetch, walBytes)
	choice.Why = reasons(q, r, choice)
	return choice
}

// openReach is where "latest" ends: at the end of the proved WAL.
func openReach(r route, proved chain) Reach {
	reach := Reach{LSN: proved.end, Basis: BasisUnknown}
	if beat := lastBeat(r.beats, proved.end); beat != nil {
		reach.Time, reach.Proof, reach.ProofAt, reach.Basis = beat.At, beat.LSN, beat.At, BasisHeartbeat
	}
	return reach
}

// expectedLoss is the newest work known anywhere minus the newest included.
func expectedLoss(q Question, reach Reach) Amount {
	var newest time.Time
	for _, beat := range q.Heartbeats {
		if beat.SystemID == q.SystemID && beat.At.After(newest) {
			newest = beat.At
		}
	}
	if newest.IsZero() || reach.Time.IsZero() {
		return Amount{}
	}
	return Amount{Duration: max(0, newest.Sub(reach.Time)), Known: true}
}

func walBytes(c Choice) int64 {
	var segments uint64
	for _, r := range c.Segments {
		segments += r.Count()
	}
	total := int64(segments) * int64(c.SegmentSize)
	if c.TailUsed != nil {
		total += int64(uint64(c.TailUsed.ValidUpTo) % uint64(c.SegmentSize))
	}
	return total
}

// fetchBytes is an upper bound where the stored size is not known.
func fetchBytes(set SetSummary) int64 {
	if set.StoredBytes > 0 {
		return set.StoredBytes
	}
	return set.SizeBytes
}

// estimate adds fetching and replaying as if they did not overlap: an upper
// bound at the measured rates. Unmeasured rates give an unknown duration.
func estimate(rates Rates, fetch, replay int64) Amount {
	if rates.FetchBytesPerSecond <= 0 || rates.ReplayBytesPerSecond <= 0 {
		return Amount{}
	}
	seconds := float64(fetch)/float64(rates.FetchBytesPerSecond) + float64(replay)/float64(rates.ReplayBytesPerSecond)
	return Amount{Duration: rates.Overhead + time.Duration(seconds*float64(time.Second)), Known: true}
}

func reasons(q Question, r route, c Choice) []string {
	why := []string{
		fmt.Sprintf("Set %s is the newest sound set on timeline %d's path that is consistent (at %s, %s) before the target and has all of its WAL.",
			c.Set.ID, c.TargetTimeline, c.Set.StopLSN, timeText(c.Set.StoppedAt)),
	}
	if !c.Set.Verified.Proved() {
		why = append(why, "Nothing has proved this set restorable yet; an older set would need all of its WAL too.")
	}
	for i := 1; i < len(r.path); i++ {
		why = append(why, fmt.Sprintf("The log passes from timeline %d to %d at %s.", r.path[i-1].Timeline, r.path[i].Timeline, r.path[i].Start))
	}
	if c.TailUsed != nil {
		why = append(why, fmt.Sprintf("The streamed tail of segment %s is used up to %s: no store has the whole segment.",
			c.SegmentSize.Name(tailSegment(*c.TailUsed)), c.TailUsed.ValidUpTo))
	}
	if r.noHistory {
		why = append(why, fmt.Sprintf("The history file of timeline %d is in no store; only sets taken on that timeline could be considered.", c.TargetTimeline))
	}
	for _, s := range q.Sets {
		if s.SystemID == q.SystemID && s.Damaged && s.StopLSN > c.Set.StopLSN {
			why = append(why, fmt.Sprintf("Newer set %s is passed over: its source was already damaged.", s.ID))
		}
	}
	return append(why, otherBranches(q, r)...)
}

// otherBranches tells of timelines that part from the chosen one and have newer
// or equally new work, so that nobody approves the wrong branch unknowingly.
func otherBranches(q Question, chosen route) []string {
	var notes []string
	for _, other := range routes(q) {
		from, parts := chosen.path.Common(other.path)
		beat := other.newestBeat()
		if parts && beat != nil && beat.LSN > from && beat.Timeline != chosen.timeline() {
			notes = append(notes, fmt.Sprintf("Timeline %d parts from this way at %s and has work up to %s that this recovery leaves out.",
				other.timeline(), from, timeText(beat.At)))
		}
	}
	return notes
}
