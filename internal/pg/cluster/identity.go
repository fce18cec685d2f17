package cluster

import (
	"context"
	"strconv"
	"strings"

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
	State           string          `json:"state"` // pg_controldata's words: "in production", "shut down", …
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

// Identity reads pg_control and the marker. It changes nothing. Errors:
// Corrupt when pg_control's checksum is wrong, Unknown when a field is missing.
func (c *Cluster) Identity(ctx context.Context) (Identity, error) {
	out, err := c.Programs.Run(ctx, "pg_controldata", "-D", c.DataDir)
	if err != nil {
		return Identity{}, err
	}
	if err := out.Must(failure.Corrupt, "read pg_control of "+c.DataDir); err != nil {
		return Identity{}, err
	}
	if strings.Contains(out.Stderr+out.Stdout, "WARNING") {
		return Identity{}, failure.New(failure.Corrupt, "pg_control of %s: %.500s", c.DataDir, out.Stderr+out.Stdout)
	}
	identity, err := parseControl(out.Stdout)
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

// parseControl reads pg_controldata's English output.
func parseControl(text string) (Identity, error) {
	fields := controlFields{values: map[string]string{}}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(line, ":"); found {
			fields.values[name] = strings.TrimSpace(value)
		}
	}
	identity := Identity{
		SystemID:        wal.SystemID(fields.number("Database system identifier", 64)),
		ControlVersion:  fields.int("pg_control version number"),
		CatalogVersion:  fields.int("Catalog version number"),
		State:           fields.text("Database cluster state"),
		Timeline:        wal.Timeline(fields.number("Latest checkpoint's TimeLineID", 32)),
		Checkpoint:      fields.lsn("Latest checkpoint location"),
		Redo:            fields.lsn("Latest checkpoint's REDO location"),
		MinRecovery:     fields.lsn("Minimum recovery ending location"),
		BackupEnd:       fields.lsn("Backup end location"),
		SegmentSize:     wal.SegmentSize(fields.number("Bytes per WAL segment", 64)),
		BlockSizeBytes:  fields.int("Database block size"),
		BlocksPerFile:   fields.int("Blocks per segment of large relation"),
		ChecksumVersion: fields.int("Data page checksum version"),
		Minimums: Minimums{
			MaxConnections:       fields.int("max_connections setting"),
			MaxWorkerProcesses:   fields.int("max_worker_processes setting"),
			MaxWalSenders:        fields.int("max_wal_senders setting"),
			MaxPreparedXacts:     fields.int("max_prepared_xacts setting"),
			MaxLocksPerXact:      fields.int("max_locks_per_xact setting"),
			TrackCommitTimestamp: fields.text("track_commit_timestamp setting") == "on",
		},
	}
	return identity, fields.err
}

// controlFields reads values by pg_controldata's labels; the first that is
// missing or malformed becomes err.
type controlFields struct {
	values map[string]string
	err    error
}

func (f *controlFields) text(name string) string {
	value, found := f.values[name]
	if !found {
		f.fail(name, "is missing")
	}
	return value
}

func (f *controlFields) number(name string, bits int) uint64 {
	value, err := strconv.ParseUint(f.text(name), 10, bits)
	if err != nil {
		f.fail(name, "is not a number")
	}
	return value
}

func (f *controlFields) int(name string) int { return int(f.number(name, 31)) }

func (f *controlFields) lsn(name string) wal.LSN {
	value, err := wal.ParseLSN(f.text(name))
	if err != nil {
		f.fail(name, "is not a position")
	}
	return value
}

func (f *controlFields) fail(name, why string) {
	if f.err == nil {
		f.err = failure.New(failure.Unknown, "pg_controldata: %q %s", name, why)
	}
}
