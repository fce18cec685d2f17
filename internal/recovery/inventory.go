package recovery

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// SetKind says whether a set stands alone.
type SetKind string

// The kinds of set.
const (
	SetFull        SetKind = "full"
	SetIncremental SetKind = "incremental" // refers to parts of earlier sets
)

// Verification is what the ledger has proved about a set.
type Verification string

// The levels of proof, weakest first.
const (
	VerifiedNone     Verification = "none"     // nothing proved since it was written
	VerifiedRead     Verification = "read"     // every part was read back and its hash matched
	VerifiedRestored Verification = "restored" // it was restored and the database checked
)

// Proved reports whether v proves anything. An unknown value does not.
func (v Verification) Proved() bool { return v == VerifiedRead || v == VerifiedRestored }

// SetSummary is what the catalog knows of one finished backup of a cluster.
type SetSummary struct {
	ID          string       `json:"id"`
	Kind        SetKind      `json:"kind"`
	SystemID    wal.SystemID `json:"system_id"`
	Timeline    wal.Timeline `json:"timeline"`  // of StopLSN
	StartLSN    wal.LSN      `json:"start_lsn"` // replay begins here
	StopLSN     wal.LSN      `json:"stop_lsn"`  // consistent from here on
	StartedAt   time.Time    `json:"started_at"`
	StoppedAt   time.Time    `json:"stopped_at"` // by the database server's clock
	Damaged     bool         `json:"damaged"`    // the source had bad page checksums
	DamageNote  string       `json:"damage_note,omitempty"`
	Verified    Verification `json:"verified"`
	VerifiedAt  time.Time    `json:"verified_at,omitzero"`
	Stores      []string     `json:"stores"`                // that hold it whole
	References  []string     `json:"references,omitempty"`  // IDs of the sets whose parts it uses
	LockedUntil time.Time    `json:"locked_until,omitzero"` // retention lock; nothing may delete it before
	SizeBytes   int64        `json:"size_bytes"`            // on disk after a restore
	StoredBytes int64        `json:"stored_bytes"`          // to fetch for a restore; 0: not known
}

// SegmentRange is a run of whole segments that some store has.
type SegmentRange struct {
	wal.Range
	Stores     []string  `json:"stores"`
	ArchivedAt time.Time `json:"archived_at,omitzero"` // of its last segment, by the store's clock
}

// Tail is the newest, unfinished segment as streaming replication shipped it.
type Tail struct {
	Timeline   wal.Timeline `json:"timeline"`
	Number     uint64       `json:"number"`      // segment number
	ValidUpTo  wal.LSN      `json:"valid_up_to"` // first position that was not yet flushed
	ObservedAt time.Time    `json:"observed_at"`
	Stores     []string     `json:"stores"`
	Key        string       `json:"key,omitempty"` // object that holds it
}

// WALInventory is what all stores together hold of one cluster's log.
type WALInventory struct {
	SystemID    wal.SystemID    `json:"system_id"`
	SegmentSize wal.SegmentSize `json:"segment_size_bytes"`
	Ranges      []SegmentRange  `json:"ranges"`
	Histories   []wal.History   `json:"histories"` // every history file found, already parsed
	Tails       []Tail          `json:"tails"`
}

// Heartbeat is one row committed on the primary to prove position.
type Heartbeat struct {
	Sequence    uint64       `json:"sequence"`
	At          time.Time    `json:"at"`  // the database server's clock when the row was written
	LSN         wal.LSN      `json:"lsn"` // at or after the end of its commit record
	Timeline    wal.Timeline `json:"timeline"`
	SystemID    wal.SystemID `json:"system_id"`
	Incarnation string       `json:"incarnation"` // changes whenever the database is recovered
}

// RestorePoint is a named point that is known to be in the log.
type RestorePoint struct {
	Name     string       `json:"name"`
	LSN      wal.LSN      `json:"lsn"`
	Timeline wal.Timeline `json:"timeline"`
	At       time.Time    `json:"at"`
}

// Rates are speeds measured earlier on this host. Zero means not measured.
type Rates struct {
	FetchBytesPerSecond  int64         `json:"fetch_bytes_per_second"`
	ReplayBytesPerSecond int64         `json:"replay_bytes_per_second"`
	Overhead             time.Duration `json:"overhead_ns"` // start, checks, promotion
}
