package cluster

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Identity is what pg_control and the marker say about a data directory.
type Identity struct {
	SystemID        wal.SystemID    `json:"system_id"`
	Incarnation     string          `json:"incarnation,omitempty"` // "" where no marker was written yet
	Major           pg.Major        `json:"major"`
	ControlVersion  int             `json:"control_version"`
	CatalogVersion  int             `json:"catalog_version"`
	State           string          `json:"state"` // in pg_controldata's words: "in production", "shut down", …
	Timeline        wal.Timeline    `json:"timeline"`
	Checkpoint      wal.LSN         `json:"checkpoint"`
	Redo            wal.LSN         `json:"redo"`
	MinRecovery     wal.LSN         `json:"min_recovery"` // 0 when none
	BackupEnd       wal.LSN         `json:"backup_end"`   // 0 when none
	SegmentSize     wal.SegmentSize `json:"segment_size_bytes"`
	BlockSizeBytes  int             `json:"block_size_bytes"`
	BlocksPerFile   int             `json:"blocks_per_file"`
	ChecksumVersion int             `json:"checksum_version"` // 0: page checksums are off
	Minimums        Minimums        `json:"minimums"`
}

// Minimums are settings that a hot standby must at least have, as the primary
// had them. Source: PostgreSQL documentation, "Hot Standby", administrator's overview.
type Minimums struct {
	MaxConnections       int `json:"max_connections"`
	MaxWorkerProcesses   int `json:"max_worker_processes"`
	MaxWalSenders        int `json:"max_wal_senders"`
	MaxPreparedXacts     int `json:"max_prepared_transactions"`
	MaxLocksPerXact      int `json:"max_locks_per_transaction"`
	TrackCommitTimestamp bool
}

// CleanlyShutDown reports whether the cluster needs no crash recovery.
func (i Identity) CleanlyShutDown() bool {
	return i.State == "shut down" || i.State == "shut down in recovery"
}

// Identity reads pg_control and the marker. It changes nothing, and needs none of
// PostgreSQL's programs. Errors: Corrupt when pg_control is missing or its checksum
// stays wrong, Unknown when it is of a version or machine that holdfast does not know.
func (c *Cluster) Identity(ctx context.Context) (Identity, error) {
	identity, err := readControl(ctx, c.path(controlFile))
	if err != nil {
		return Identity{}, failure.Wrap(failure.ClassOf(err), err, "read pg_control of %s", c.DataDir)
	}
	if identity.Major, err = c.Major(); err != nil {
		return Identity{}, err
	}
	marker, found, err := ReadMarker(c.DataDir)
	if found {
		identity.Incarnation = marker.Incarnation
	}
	return identity, err
}
