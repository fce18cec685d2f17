package recovery

import (
	"fmt"
	"time"
)

// ContinuityKind is what is wrong with a run of heartbeats.
type ContinuityKind string

// The kinds of finding.
const (
	HeartbeatGap         ContinuityKind = "gap"                // sequence numbers are missing
	HeartbeatSilence     ContinuityKind = "silence"            // no number missing, but too long between two
	HeartbeatDuplicate   ContinuityKind = "duplicate"          // one sequence number twice
	HeartbeatBackwards   ContinuityKind = "backwards"          // time or position goes back within one incarnation
	HeartbeatSystemID    ContinuityKind = "system-id-change"   // another cluster answers under the name
	HeartbeatIncarnation ContinuityKind = "incarnation-change" // the database was recovered in between
	HeartbeatTimeline    ContinuityKind = "timeline-change"    // failover or recovery
)

// ContinuityFinding is one irregularity between two neighbouring heartbeats.
type ContinuityFinding struct {
	Kind    ContinuityKind `json:"kind"`
	Before  Heartbeat      `json:"before"`
	After   Heartbeat      `json:"after"`
	Missing uint64         `json:"missing,omitempty"` // sequence numbers, for a gap
	Silence time.Duration  `json:"silence_ns,omitempty"`
	Detail  string         `json:"detail"`
}

// Continuity compares each heartbeat with the one before it. beats are in the
// order of their commits, as recorded; they are not sorted, since the order is
// part of what is checked. maxSilence is the longest acceptable time between two.
func Continuity(beats []Heartbeat, maxSilence time.Duration) []ContinuityFinding {
	var findings []ContinuityFinding
	for i := 1; i < len(beats); i++ {
		findings = append(findings, compareNeighbours(beats[i-1], beats[i], maxSilence)...)
	}
	return findings
}

func compareNeighbours(before, after Heartbeat, maxSilence time.Duration) []ContinuityFinding {
	var found []ContinuityFinding
	add := func(kind ContinuityKind, format string, args ...any) *ContinuityFinding {
		found = append(found, ContinuityFinding{Kind: kind, Before: before, After: after, Detail: fmt.Sprintf(format, args...)})
		return &found[len(found)-1]
	}
	if before.SystemID != after.SystemID {
		add(HeartbeatSystemID, "system %s became %s", before.SystemID, after.SystemID)
		return found // nothing else can be compared across clusters
	}
	if before.Timeline != after.Timeline {
		add(HeartbeatTimeline, "timeline %d became %d", before.Timeline, after.Timeline)
	}
	if before.Incarnation != after.Incarnation {
		// Recovery takes sequence and position back by design.
		add(HeartbeatIncarnation, "incarnation %q became %q", before.Incarnation, after.Incarnation)
		return found
	}
	silence := after.At.Sub(before.At)
	switch {
	case after.Sequence == before.Sequence:
		add(HeartbeatDuplicate, "sequence %d appears twice", after.Sequence)
	case after.Sequence < before.Sequence || silence < 0 || after.LSN < before.LSN:
		add(HeartbeatBackwards, "sequence %d at %s (%s) follows %d at %s (%s)", after.Sequence, timeText(after.At), after.LSN,
			before.Sequence, timeText(before.At), before.LSN)
	case after.Sequence > before.Sequence+1:
		missing := after.Sequence - before.Sequence - 1
		finding := add(HeartbeatGap, "%d heartbeats are missing over %s", missing, silence)
		finding.Missing, finding.Silence = missing, silence
	case maxSilence > 0 && silence > maxSilence:
		add(HeartbeatSilence, "nothing was committed for %s", silence).Silence = silence
	}
	return found
}
