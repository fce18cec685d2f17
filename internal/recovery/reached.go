package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// Reached is where recovery ended, as read from the recovered cluster.
type Reached struct {
	SystemID       wal.SystemID `json:"system_id"`
	Timeline       wal.Timeline `json:"timeline"`                  // the timeline replay ended on, before promotion
	LSN            wal.LSN      `json:"lsn"`                       // pg_last_wal_replay_lsn()
	LastCommitTime time.Time    `json:"last_commit_time,omitzero"` // pg_last_xact_replay_timestamp(); zero: none replayed
	Paused         bool         `json:"paused"`                    // paused at the target (recovery_target_action)
	Newest         *Heartbeat   `json:"newest,omitempty"`          // newest heartbeat row found; nil: none
	RestorePoint   string       `json:"restore_point,omitempty"`   // name at which the server said it stopped
}
