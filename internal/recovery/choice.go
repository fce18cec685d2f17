package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// Question is everything Choose looks at.
type Question struct {
	Target        Target         `json:"target"`
	SystemID      wal.SystemID   `json:"system_id"` // of the cluster to recover
	Sets          []SetSummary   `json:"sets"`
	WAL           WALInventory   `json:"wal"`
	Heartbeats    []Heartbeat    `json:"heartbeats"`
	RestorePoints []RestorePoint `json:"restore_points"`
	Rates         Rates          `json:"rates"`
	Now           time.Time      `json:"now"`
}

// Basis says how sure an expected position is.
type Basis string

// The bases of an estimate, strongest first.
const (
	BasisExact     Basis = "exact"     // the target names the position itself
	BasisHeartbeat Basis = "heartbeat" // heartbeats on both sides bound it
	BasisEstimate  Basis = "estimate"  // only backup times or archive times bound it
	BasisUnknown   Basis = "unknown"
)

// Reach is where recovery is expected to end.
type Reach struct {
	LSN     wal.LSN   `json:"lsn,omitzero"`      // recovery ends at or before this position
	Time    time.Time `json:"time,omitzero"`     // newest commit known to be included; zero: unknown
	Proof   wal.LSN   `json:"proof,omitzero"`    // recovery must get at least this far: a commit certain to be included ends here
	ProofAt time.Time `json:"proof_at,omitzero"` // when that commit was made
	Basis   Basis     `json:"basis"`
}

// Amount is a duration that may not be known.
type Amount struct {
	Duration time.Duration `json:"duration_ns"`
	Known    bool          `json:"known"`
}

// String prints the duration, or "unknown".
func (a Amount) String() string {
	if !a.Known {
		return "unknown"
	}
	return a.Duration.Round(time.Millisecond).String()
}

// Choice is a set and a proved WAL chain that lead to the target. It is what
// people approve.
type Choice struct {
	Target            Target          `json:"target"`
	Set               SetSummary      `json:"set"`
	TargetTimeline    wal.Timeline    `json:"target_timeline"` // for recovery_target_timeline
	TimelinePath      wal.Path        `json:"timeline_path"`
	Segments          []SegmentRange  `json:"segments"` // in replay order, without the tail
	TailUsed          *Tail           `json:"tail_used,omitempty"`
	SegmentSize       wal.SegmentSize `json:"segment_size_bytes"`
	ExpectedReach     Reach           `json:"expected_reach"`
	ExpectedLoss      Amount          `json:"expected_loss"` // newest known work - newest work included
	BytesToFetch      int64           `json:"bytes_to_fetch"`
	EstimatedDuration Amount          `json:"estimated_duration"`
	Why               []string        `json:"why"` // the reasons, in sentences for the approver
}
