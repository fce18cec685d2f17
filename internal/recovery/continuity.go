package recovery

import "time"

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
