package inspect

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Report is what a server said. A field is meaningful only when its question is
// not in Unknown.
type Report struct {
	Probed
	Version       int           `json:"version"` // server_version_num
	SystemID      wal.SystemID  `json:"system_id"`
	Timeline      wal.Timeline  `json:"timeline"`
	InRecovery    bool          `json:"in_recovery"`
	LSN           wal.LSN       `json:"lsn"` // insert position, or replay position in recovery
	At            time.Time     `json:"at"`  // the server's clock, UTC
	ClockOffset   time.Duration `json:"clock_offset"`
	ClockError    time.Duration `json:"clock_error"` // the offset is right within this
	Checksums     bool          `json:"checksums"`
	DataDir       string        `json:"data_dir"`
	SizeBytes     int64         `json:"size_bytes"` // of all databases
	FreeBytes     int64         `json:"free_bytes"` // where the data directory is on this host
	Databases     []Database    `json:"databases,omitempty"`
	Archiver      Archiver      `json:"archiver"`
	Replicas      []Replica     `json:"replicas,omitempty"`
	Settings      []Setting     `json:"settings,omitempty"`
	UnknownFields []Unanswered  `json:"unknown,omitempty"`
}

// Major returns the server's major version.
func (r Report) Major() pg.Major { return pg.MajorOfNum(r.Version) }

// Complete reports whether the server answered every question.
func (r Report) Complete() bool { return r.Reach == Reachable && len(r.UnknownFields) == 0 }

// Unanswered is one question the server did not answer.
type Unanswered struct {
	Question string `json:"question"`
	Reason   string `json:"reason"`
}

// Database is one database of the cluster.
type Database struct {
	Name             string     `json:"name" db:"name"`
	SizeBytes        int64      `json:"size_bytes" db:"size_bytes"`
	ChecksumFailures *int64     `json:"checksum_failures,omitempty" db:"checksum_failures"` // nil: the server does not know (checksums off)
	LastFailure      *time.Time `json:"last_failure,omitempty" db:"last_failure"`
}

// Archiver is pg_stat_archiver.
type Archiver struct {
	Archived     int64      `json:"archived" db:"archived"`
	LastArchived *string    `json:"last_archived,omitempty" db:"last_archived"`
	LastAt       *time.Time `json:"last_at,omitempty" db:"last_at"`
	Failed       int64      `json:"failed" db:"failed"`
	LastFailed   *string    `json:"last_failed,omitempty" db:"last_failed"`
	LastFailedAt *time.Time `json:"last_failed_at,omitempty" db:"last_failed_at"`
}

// Failing reports whether the newest attempt failed.
func (a Archiver) Failing() bool {
	return a.LastFailedAt != nil && (a.LastAt == nil || a.LastFailedAt.After(*a.LastAt))
}

// Replica is one row of pg_stat_replication.
type Replica struct {
	Name     string  `json:"name" db:"name"`
	Address  string  `json:"address" db:"address"`
	State    string  `json:"state" db:"state"`
	Sync     string  `json:"sync" db:"sync"`
	LagBytes *int64  `json:"lag_bytes,omitempty" db:"lag_bytes"`     // sent position minus replayed; nil: unknown
	LagSecs  float64 `json:"lag_seconds" db:"lag_seconds"`           // 0 when idle
	Base     bool    `json:"base_backup,omitempty" db:"base_backup"` // a pg_basebackup in progress, not a standby
}

// Setting is one configuration setting that decides how safe the cluster is.
type Setting struct {
	Name  string `json:"name" db:"name"`
	Value string `json:"value" db:"value"`
}

// Setting returns a setting's value and whether it is known.
func (r Report) Setting(name string) (string, bool) {
	for _, s := range r.Settings {
		if s.Name == name {
			return s.Value, true
		}
	}
	return "", false
}

// ChecksumFailures sums over all databases; unknown where one does not know.
func (r Report) ChecksumFailures() (total int64, known bool) {
	known = len(r.Databases) > 0
	for _, database := range r.Databases {
		if database.ChecksumFailures == nil {
			known = false
			continue
		}
		total += *database.ChecksumFailures
	}
	return total, known
}
