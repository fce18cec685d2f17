package settings

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// Settings is one database host's view of its WAL. Sizes are bytes; durations
// are written as Go writes them ("2s").
type Settings struct {
	// Source is the database's name in the plan; the first part of every key.
	Source string `yaml:"source"`
	// SystemID is the cluster's system identifier: WAL of any other cluster is
	// refused. Quote it: it is a 64-bit number.
	SystemID wal.SystemID `yaml:"system_id"`
	// SegmentSizeBytes is initdb's --wal-segsize in bytes; 16 MiB when absent.
	SegmentSizeBytes wal.SegmentSize `yaml:"segment_size_bytes"`
	// DataDir is the cluster's data directory. Files are read from and written
	// to its pg_wal only.
	DataDir string `yaml:"data_dir"`
	// Socket is the daemon's unix socket, mode 0600.
	Socket string `yaml:"socket"`
	// Worker is the full binary that the small one becomes when no daemon answers.
	// Absent, which a read-only host's may be: only the daemon has the keys, and a fetch
	// waits until it is back.
	Worker string `yaml:"worker"`
	// ReadOnly marks an isolated restore: it never archives, tails or beats and
	// needs no write credentials (L3).
	ReadOnly bool `yaml:"read_only"`

	Spool     Spool     `yaml:"spool"`
	Stores    []Store   `yaml:"stores"`
	Keys      Keys      `yaml:"keys"`
	Archive   Archive   `yaml:"archive"`
	Tail      Tail      `yaml:"tail"`
	Heartbeat Heartbeat `yaml:"heartbeat"`
	Database  Database  `yaml:"database"`
	Fetch     Fetch     `yaml:"fetch"`
}

// Spool is the local directory for what no store holds yet, for prefetched
// segments, heartbeats and the record of repairs.
type Spool struct {
	Dir      string `yaml:"dir"`
	MaxBytes int64  `yaml:"max_bytes"` // of waiting objects; 1 GiB when absent
}

// Store says where a store is. Provider decides which fields count; the
// composition root opens it.
type Store struct {
	Name        string `yaml:"name"`
	Provider    string `yaml:"provider"`    // "s3", "gcs" or "file"
	Bucket      string `yaml:"bucket"`      // s3, gcs
	Prefix      string `yaml:"prefix"`      // s3, gcs; may be empty
	Region      string `yaml:"region"`      // s3
	Endpoint    string `yaml:"endpoint"`    // s3, gcs; empty is the provider's own
	Dir         string `yaml:"dir"`         // file
	PathStyle   bool   `yaml:"path_style"`  // s3
	CAFile      string `yaml:"ca_file"`     // s3, gcs: PEM certificates to trust instead of the system's
	AccessKey   string `yaml:"access_key"`  // s3: reference; empty takes AWS's default chain
	SecretKey   string `yaml:"secret_key"`  // s3: reference
	Credentials string `yaml:"credentials"` // gcs: reference to a JSON key; empty takes Google's default chain
	Anonymous   bool   `yaml:"anonymous"`   // gcs: for emulators
}

// Keys names key files. A host that only archives has recipients and no others.
// Session keys released for one restore live in the restoring process only and
// have no file.
type Keys struct {
	Recipients []string `yaml:"recipients"` // public key files; two or more to archive
	Private    string   `yaml:"private"`    // private key file, for a host that may read back
	Passphrase string   `yaml:"passphrase"` // reference, for Private
}

// Require says when a push is acknowledged.
type Require string

// Values of Require.
const (
	RequireAny Require = "any" // one store holds the object; the others are repaired
	RequireAll Require = "all" // every store holds it
)

// OnStoresDown says what happens to a push when no store answers.
type OnStoresDown string

// Values of OnStoresDown.
const (
	// Hold never acknowledges from the spool: PostgreSQL keeps the segment, and
	// stops when pg_wal is full. Nothing is ever only on this host's spool.
	Hold OnStoresDown = "hold"
	// SpoolAtHeadroom acknowledges from the fsynced spool, but only once pg_wal's
	// free space is below the headroom: service goes on, and until a store answers
	// the segment's only copy is the spool.
	SpoolAtHeadroom OnStoresDown = "spool"
)

// Archive governs push.
type Archive struct {
	Require       Require       `yaml:"require"`        // "any" when absent
	OnStoresDown  OnStoresDown  `yaml:"on_stores_down"` // "hold" when absent
	HeadroomBytes int64         `yaml:"headroom_bytes"` // alarm below this much free space under pg_wal; 2 GiB when absent
	Patience      time.Duration `yaml:"patience"`       // wait for slower stores before acknowledging on one; 2s when absent
	Timeout       time.Duration `yaml:"timeout"`        // of one put to one store; 60s when absent
	RetainFor     time.Duration `yaml:"retain_for"`     // retention lock on every object; 0 is none
}

// Tail governs the stream of flushed bytes.
type Tail struct {
	Disabled bool          `yaml:"disabled"`
	Slot     string        `yaml:"slot"`     // physical replication slot; "holdfast_tail" when absent
	Interval time.Duration `yaml:"interval"` // 2s when absent
}

// Heartbeat governs the rows that prove the point reached.
type Heartbeat struct {
	Disabled     bool          `yaml:"disabled"`
	Interval     time.Duration `yaml:"interval"`      // 1s when absent
	ShipInterval time.Duration `yaml:"ship_interval"` // 5s when absent
}

// Database is how the daemon reaches the cluster it archives.
type Database struct {
	Conn     string `yaml:"conn"`     // libpq keywords or URL, without password; verify-full for another machine unless it says how
	Password string `yaml:"password"` // reference; may be empty
}

// Fetch governs restore_command.
type Fetch struct {
	Prefetch int           `yaml:"prefetch"` // segments fetched ahead; 4 when absent
	Patience time.Duration `yaml:"patience"` // wait for a store that does not answer; 30s when absent
	// TailTimeline allows the unfinished last segment of this timeline, zero-padded.
	// 0 forbids it. Set it for a recovery that ends on the timeline, never on a standby (L12).
	TailTimeline wal.Timeline `yaml:"tail_timeline"`
}
