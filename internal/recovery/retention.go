package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// RetentionPolicy says how long sets are kept.
type RetentionPolicy struct {
	KeepFor            time.Duration `json:"keep_for_ns"`                   // by StoppedAt
	KeepVerified       int           `json:"keep_verified"`                 // newest verified sets kept whatever their age; at least 1
	MaxSetsPerDay      int           `json:"max_sets_per_day"`              // more is an alarm and freezes; 0: no limit
	MaxDeletions       int           `json:"max_deletions"`                 // in one plan; more is an alarm and freezes; 0: no limit
	AcknowledgedDamage []string      `json:"acknowledged_damage,omitempty"` // damaged sets a person has dealt with
}

// SetDecision is what retention decided about one set, and why.
type SetDecision struct {
	ID     string `json:"id"`
	Delete bool   `json:"delete"`
	Reason string `json:"reason"`
}

// WALFloor is the oldest position that a kept set still needs of a timeline. A
// timeline without a floor of its own has that of the highest one below it, which it
// may have come from: without one of these either, nothing of it is needed.
type WALFloor struct {
	SystemID wal.SystemID `json:"system_id"`
	Timeline wal.Timeline `json:"timeline"`
	LSN      wal.LSN      `json:"lsn"`
}

// RetentionPlan is the whole decision. When Frozen is set nothing is deleted.
type RetentionPlan struct {
	Decisions []SetDecision `json:"decisions"` // newest set first
	Frozen    bool          `json:"frozen"`
	Alarms    []string      `json:"alarms,omitempty"`
	WALFloors []WALFloor    `json:"wal_floors"` // ascending by system and timeline
}
