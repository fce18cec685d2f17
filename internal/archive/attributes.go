package archive

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Attributes say what the source was like when the set was taken. They are in
// the descriptor, in clear text: no secrets.
type Attributes struct {
	Postgres *Postgres         `json:"postgres,omitempty"`
	Extra    map[string]string `json:"extra,omitempty"`
}

// Postgres describes a base backup.
type Postgres struct {
	SystemID       wal.SystemID    `json:"system_id"`
	Timeline       wal.Timeline    `json:"timeline"`
	StartLSN       wal.LSN         `json:"start_lsn"` // as pg_backup_start returned it
	StopLSN        wal.LSN         `json:"stop_lsn"`  // as pg_backup_stop returned it
	CheckpointLSN  wal.LSN         `json:"checkpoint_lsn"`
	StartTime      time.Time       `json:"start_time"` // the server's clock
	StopTime       time.Time       `json:"stop_time"`  // the server's clock
	VersionNum     int             `json:"version_num"`
	SegmentSize    wal.SegmentSize `json:"segment_size_bytes"`
	DataChecksums  bool            `json:"data_checksums"`
	FromStandby    bool            `json:"from_standby,omitempty"`
	Tablespaces    []Tablespace    `json:"tablespaces,omitempty"`
	DatabaseSystem string          `json:"database_system,omitempty"` // full version string
}

// Tablespace is one tablespace outside the data directory.
type Tablespace struct {
	OID      uint32 `json:"oid"`
	Name     string `json:"name"`
	Location string `json:"location"` // absolute path on the host that was backed up
}

const (
	maxExtra      = 256
	maxValueBytes = 4096 // GnuPG cannot check clear-signed lines over 19 995 characters
)

func (a Attributes) validate() error {
	if len(a.Extra) > maxExtra {
		return failure.Invalid("attributes", "has %d extra entries, at most %d", len(a.Extra), maxExtra)
	}
	for key, value := range a.Extra {
		if len(key) > 100 || len(value) > maxValueBytes {
			return failure.Invalid("attributes", "%.100q is longer than %d bytes", key, maxValueBytes)
		}
	}
	return nil
}
