package postgres

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// PromoteInput ends recovery of the restored cluster.
type PromoteInput struct {
	Where
	Choice   recovery.Choice  `json:"choice"`
	Released Sealed           `json:"released"`
	Reached  recovery.Reached `json:"reached"`
	Origin   *Identity        `json:"origin,omitempty"` // the damaged cluster, which people signed for
}

// Promoted is the new timeline.
type Promoted struct {
	Identity Identity `json:"identity"`
	Switch   wal.LSN  `json:"switch"` // where the new timeline begins
	// Repairs is the log of Replayed.Repairs, with what the promotion added.
	Repairs []string `json:"repairs,omitempty"`
}

// SwapInput cuts over between the damaged and the restored cluster.
type SwapInput struct {
	Where
	Damaged  Identity `json:"damaged"`
	Restored Identity `json:"restored"`
}

// Swapped is where the two clusters are after a cut-over or its reversal.
type Swapped struct {
	ServingDir string `json:"serving_dir"`
	AsideDir   string `json:"aside_dir"`
	AsidePort  int    `json:"aside_port"`
	// AsideSocket is the directory of the socket that the cluster aside listens on,
	// and on nothing else.
	AsideSocket string    `json:"aside_socket,omitempty"`
	Serving     Identity  `json:"serving"`
	At          time.Time `json:"at"` // when the service port answered again
	AsideReads  bool      `json:"aside_reads"`
	Why         string    `json:"why,omitempty"` // why the damaged cluster cannot be read
}

// CommitInput tells a host that a cut-over is to stay.
type CommitInput struct {
	Where
	Damaged  Identity `json:"damaged"`  // what was replaced
	Restored Identity `json:"restored"` // what serves instead
}

// Committed is what the host wrote down.
type Committed struct {
	At time.Time `json:"at"` // by the host's clock; of the first time it was told
}

// BackupInput makes a base backup of the serving cluster.
type BackupInput struct {
	Where
	Began  time.Time `json:"began"` // names the set; the same again resumes it
	Expect Identity  `json:"expect"`
	Full   bool      `json:"full"`
}

// BackedUp is a finished base backup.
type BackedUp struct {
	Set    recovery.SetSummary `json:"set"`
	Took   time.Duration       `json:"took_ns"`
	Reused int64               `json:"reused_bytes"`
}

// ArchiveInput proves that WAL of a timeline flows to the stores.
type ArchiveInput struct {
	Where
	Expect Identity `json:"expect"`
}

// Archived is the proof: a segment switched after the question, seen in a store.
type Archived struct {
	Segment string    `json:"segment"`
	Stores  []string  `json:"stores"`
	At      time.Time `json:"at"`
}

// ReplicaInput rebuilds a replica from the serving primary.
type ReplicaInput struct {
	Where
	Primary Identity  `json:"primary"`
	Origin  *Identity `json:"origin,omitempty"` // the damaged cluster, which people signed for
}

// Replica is a replica that streams.
type Replica struct {
	Identity Identity      `json:"identity"`
	Lag      time.Duration `json:"lag_ns"`
	AsideDir string        `json:"aside_dir"` // where its old directory is kept
}

// ObserveInput watches a server after writes were resumed.
type ObserveInput struct {
	Where
	For      time.Duration `json:"for_ns"`
	Baseline *Performance  `json:"baseline,omitempty"` // nil: nothing to compare with; verdicts are unknown
	// Disrupted is when the incident began: throughput is compared with what was
	// counted before. Zero: with the baseline.
	Disrupted time.Time `json:"disrupted,omitzero"`
}

// Observation is what watching found.
type Observation struct {
	Performance Performance   `json:"performance"`
	Verdicts    []CheckResult `json:"verdicts"`
}
