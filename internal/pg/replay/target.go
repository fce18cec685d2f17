package replay

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Kind is what a recovery target is named by.
type Kind string

// The kinds.
const (
	ByTime    Kind = "time"
	ByLSN     Kind = "lsn"
	ByXID     Kind = "xid"
	ByName    Kind = "name"      // pg_create_restore_point
	Immediate Kind = "immediate" // as soon as consistent
	Latest    Kind = "latest"    // to a proven end of WAL
)

// Target says where recovery stops.
type Target struct {
	Kind      Kind         `json:"kind"`
	Time      time.Time    `json:"time,omitzero"`
	LSN       wal.LSN      `json:"lsn,omitzero"` // for Latest: the end that WAL was proved to reach
	XID       uint32       `json:"xid,omitempty"`
	Name      string       `json:"name,omitempty"`
	Inclusive bool         `json:"inclusive"` // stop after the target, not before it
	Timeline  wal.Timeline `json:"timeline"`  // followed explicitly, never "latest"
}

func (t Target) check() error {
	given := map[Kind]bool{
		ByTime: !t.Time.IsZero(), ByLSN: t.LSN != 0, ByXID: t.XID != 0, ByName: t.Name != "",
		Immediate: true, Latest: t.LSN != 0,
	}
	if !given[t.Kind] {
		return failure.Invalid("target", "kind %q needs its value (one of time, lsn, xid, name, immediate, latest)", t.Kind)
	}
	if t.Timeline == 0 {
		return failure.Invalid("target.timeline", "must be given: following the newest one silently chooses a history")
	}
	if len(t.Name) > 63 {
		return failure.Invalid("target.name", "a restore point's name has at most 63 bytes")
	}
	return nil
}

// settings are the recovery_target_* lines. Source: PostgreSQL documentation,
// "Recovery Target"; unchanged from 13 to 18.
func (t Target) settings() map[string]string {
	// Only the one target is written: even an empty second one is an error.
	lines := map[string]string{"recovery_target_timeline": decimal(uint64(t.Timeline)), "recovery_target_action": "pause"}
	if t.Kind != Immediate && t.Kind != Latest {
		lines["recovery_target_inclusive"] = onOff(t.Inclusive)
	}
	switch t.Kind {
	case ByTime:
		lines["recovery_target_time"] = t.Time.UTC().Format("2006-01-02 15:04:05.999999+00")
	case ByLSN:
		lines["recovery_target_lsn"] = t.LSN.String()
	case ByXID:
		lines["recovery_target_xid"] = decimal(uint64(t.XID))
	case ByName:
		lines["recovery_target_name"] = t.Name
	case Immediate:
		lines["recovery_target"] = "immediate"
	case Latest:
		lines["wal_retrieve_retry_interval"] = "500ms" // the end shows sooner; the archive is asked no more than that
	}
	return lines
}

// signal is the file that makes the server recover: a standby keeps asking for
// WAL, so that "latest" ends where the proof says and not at the first hiccup.
func (t Target) signal() string {
	if t.Kind == Latest {
		return standbySignal
	}
	return recoverySignal
}

const (
	recoverySignal = "recovery.signal"
	standbySignal  = "standby.signal"
)
