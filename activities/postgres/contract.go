package postgres

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// Where names the server an activity acts on and the run it acts for.
type Where struct {
	PlanHash plan.Hash `json:"plan_hash"` // the worker refuses any plan but its own
	Database string    `json:"database"`  // plan: databases[].name
	Host     string    `json:"host"`      // plan: databases[].hosts[].host
	Run      string    `json:"run"`       // workflow ID and first run ID; names workspaces and undo records
	// Warrant is what people signed, for what is destructive; others need none.
	Warrant *warrant.Warrant `json:"warrant,omitempty"`
}

// Identity tells clusters apart. Two clusters restored from one backup share the
// system identifier; their incarnation differs.
type Identity struct {
	SystemID    wal.SystemID `json:"system_id"`
	Timeline    wal.Timeline `json:"timeline"`
	Incarnation string       `json:"incarnation"`
}

// Inspection is what a look at a server found.
type Inspection struct {
	Reachable        bool                `json:"reachable"`
	Why              string              `json:"why,omitempty"` // why it is not reachable
	Identity         Identity            `json:"identity"`
	Version          int                 `json:"version"` // server_version_num
	InRecovery       bool                `json:"in_recovery"`
	LSN              wal.LSN             `json:"lsn,omitzero"` // insert position, or replay position in recovery
	DataChecksums    bool                `json:"data_checksums"`
	ChecksumFailures int64               `json:"checksum_failures"` // pg_stat_database, all databases
	DatabaseBytes    int64               `json:"database_bytes"`
	FreeBytes        int64               `json:"free_bytes"` // of the data directory's file system
	At               time.Time           `json:"at"`         // the server's clock
	ClockOffset      time.Duration       `json:"clock_offset_ns"`
	Newest           *recovery.Heartbeat `json:"newest,omitempty"` // newest heartbeat row; nil: none readable
	Baseline         *Performance        `json:"baseline,omitempty"`
	Findings         []string            `json:"findings,omitempty"`
}

// Performance is how a server behaved over a short time. What could not be
// measured says why; a figure of zero with a reason beside it is not a zero.
type Performance struct {
	Over        time.Duration `json:"over_ns"`
	TPS         float64       `json:"tps"` // committed transactions a second, holdfast's own left out
	TPSUnknown  string        `json:"tps_unknown,omitempty"`
	P95         time.Duration `json:"p95_ns"` // of the plan's critical queries
	Samples     int           `json:"samples"`
	ProbeErrors int           `json:"probe_errors,omitempty"`
	ProbeError  string        `json:"probe_error,omitempty"` // the first one's words
	ReplicaLag  time.Duration `json:"replica_lag_ns"`        // greatest
	LagUnknown  string        `json:"lag_unknown,omitempty"`
	Replicas    int           `json:"replicas"` // streaming at the end
	FewestSeen  int           `json:"fewest_seen"`
	LagSamples  int           `json:"lag_samples"`
	Committed   int64         `json:"committed"`
}

// FenceInput fences application writes on one server, or lifts that fence.
type FenceInput struct {
	Where
	Side   Side     `json:"side"`
	Expect Identity `json:"expect"`
	// Origin is the damaged cluster that Expect was restored from: people signed for
	// it, and its fence may have come along in the log. nil: Expect is that cluster.
	Origin *Identity `json:"origin,omitempty"`
}

// Fence is the result of fencing; LiftFence restores what it found.
type Fence struct {
	At         time.Time           `json:"at"`  // the server's clock when no write was possible any more
	LSN        wal.LSN             `json:"lsn"` // insert position then
	Terminated int                 `json:"terminated"`
	Newest     *recovery.Heartbeat `json:"newest,omitempty"`  // newest heartbeat acknowledged before the fence
	Offline    bool                `json:"offline,omitempty"` // the server was down: it is kept from serving
	// Others are roles with sessions in the database that were not fenced: they may
	// write nothing, or the plan lets them go on.
	Others []string `json:"others,omitempty"`
	// Subscriptions of logical replication that were enabled, and are not under the
	// fence. LiftFence enables them again, but not in a restored copy.
	Subscriptions []string `json:"subscriptions,omitempty"`
	// Unarchived says that the last acknowledged work is in no store, or that this is
	// unknown, and why; "": all is.
	Unarchived string `json:"unarchived,omitempty"`
}

// ExtentInput measures the extent of damage.
type ExtentInput struct {
	Where
	Expect Identity `json:"expect"`
}

// Extent is how far damage goes.
type Extent struct {
	PagesRead  int64         `json:"pages_read"`
	PagesBad   int64         `json:"pages_bad"`
	Tables     []TableDamage `json:"tables,omitempty"` // at most 200, worst first
	MoreTables int           `json:"more_tables,omitempty"`
	IndexesBad int           `json:"indexes_bad"`
	Relations  int           `json:"relations,omitempty"` // that amcheck went through
	Findings   []string      `json:"findings,omitempty"`  // of amcheck, at most 50
	More       int           `json:"more,omitempty"`      // findings beyond them
	Unknown    []string      `json:"unknown,omitempty"`   // what could not be judged, and why; at most 50
}

// TableDamage is the damage of one relation.
type TableDamage struct {
	Relation string `json:"relation"` // schema.name
	Kind     string `json:"kind"`     // table, index, toast, …
	Pages    int64  `json:"pages"`
	PagesBad int64  `json:"pages_bad"`
	Detail   string `json:"detail,omitempty"`
}

// OnsetInput asks when damage began.
type OnsetInput struct {
	Where
	Until     wal.LSN   `json:"until,omitzero"` // look at WAL up to here, from hours before Disrupted on
	Disrupted time.Time `json:"disrupted"`      // what people reported
}

// OnsetReport is the evidence about when damage began.
type OnsetReport struct {
	RestorePoints []recovery.RestorePoint `json:"restore_points,omitempty"` // named points seen in that range
	Onsets        []recovery.Onset        `json:"onsets"`                   // at most 50
	Unsearched    *recovery.Unsearched    `json:"unsearched,omitempty"`     // incomplete: WAL that was not looked through, or onsets that are more; nil: none
	WALFrom       wal.LSN                 `json:"wal_from,omitzero"`
	WALUntil      wal.LSN                 `json:"wal_until,omitzero"`
	Transactions  int64                   `json:"transactions"` // read in that range
	Invariants    []CheckResult           `json:"invariants,omitempty"`
	Newest        *recovery.Heartbeat     `json:"newest,omitempty"`
}

// WorkspaceInput prepares or removes the recovery workspace.
type WorkspaceInput struct {
	Where
	NeedBytes int64 `json:"need_bytes"`
}

// Workspace is a directory made for one run.
type Workspace struct {
	Dir       string `json:"dir"`
	FreeBytes int64  `json:"free_bytes"`
	NeedBytes int64  `json:"need_bytes"` // with the margin
	Created   bool   `json:"created"`    // false: it was there from an earlier attempt of this run
}

// ChainInput proves the WAL chain of a choice.
type ChainInput struct {
	Where
	Choice recovery.Choice `json:"choice"`
}

// ChainProof says that every segment a choice needs is in a store.
type ChainProof struct {
	Segments  int            `json:"segments"`
	First     string         `json:"first,omitempty"`
	Last      string         `json:"last,omitempty"`
	Bytes     int64          `json:"bytes"`
	Timelines []wal.Timeline `json:"timelines"`
	Tail      string         `json:"tail,omitempty"`    // position up to which streamed bytes complete the chain
	Repairs   []string       `json:"repairs,omitempty"` // segments that only some stores hold
	At        time.Time      `json:"at"`
}

// KeysInput collects what must be asked of the key holder.
type KeysInput struct {
	Where
	Choice recovery.Choice `json:"choice"`
}

// KeyRequest asks the key holder for the session keys of named objects. It is
// small: the request itself lies in the stores under Object.
type KeyRequest struct {
	Object  string `json:"object"` // key of the request object
	SHA256  string `json:"sha256"`
	Sets    int    `json:"sets"`
	Objects int    `json:"objects"`
}

// Sealed names the session keys the key holder released, sealed to this host.
type Sealed struct {
	Object string `json:"object"` // key in the stores
	SHA256 string `json:"sha256"`
}

// FetchInput restores a set's files into the workspace.
type FetchInput struct {
	Where
	Choice   recovery.Choice `json:"choice"`
	Released Sealed          `json:"released"`
}

// Fetched is what FetchBase wrote.
type Fetched struct {
	Dir        string        `json:"dir"`
	Files      int           `json:"files"`
	Bytes      int64         `json:"bytes"`
	Took       time.Duration `json:"took_ns"`
	Repairs    []string      `json:"repairs,omitempty"` // parts taken from another store, and why
	FromStores []string      `json:"from_stores"`
}

// Verified is the verdict of pg_verifybackup, PostgreSQL's own judge.
type Verified struct {
	Tool   string   `json:"tool"` // with its version
	Output []string `json:"output,omitempty"`
}

// ReplayInput applies WAL in the workspace up to the choice's target.
type ReplayInput struct {
	Where
	Choice   recovery.Choice `json:"choice"`
	Released Sealed          `json:"released"`
}

// Replayed is where the restored cluster stands, paused.
type Replayed struct {
	Reached recovery.Reached `json:"reached"`
	Bytes   int64            `json:"bytes"` // of WAL applied
	Took    time.Duration    `json:"took_ns"`
	Repairs []string         `json:"repairs,omitempty"`
}

// Side says which of the two clusters on a host is meant.
type Side string

// The two clusters of a recovery.
const (
	Serving  Side = "serving"  // at the service port
	Restored Side = "restored" // in the workspace, before cut-over
	Aside    Side = "aside"    // the damaged one, after cut-over
)

// CheckInput names the cluster to check.
type CheckInput struct {
	Where
	Side Side `json:"side"`
}

// Integrity is the result of amcheck over every table and index.
type Integrity struct {
	Relations  int      `json:"relations"`
	Findings   []string `json:"findings,omitempty"` // at most 50
	More       int      `json:"more,omitempty"`
	NotChecked []string `json:"not_checked,omitempty"` // what this version of PostgreSQL has no check for
	Tool       string   `json:"tool"`
}

// CheckResult is one check with what it found.
type CheckResult struct {
	Name     string        `json:"name"`
	Status   CheckStatus   `json:"status"`
	Got      string        `json:"got,omitempty"`
	Want     string        `json:"want,omitempty"`
	Critical bool          `json:"critical"`
	Took     time.Duration `json:"took_ns"`
	Detail   string        `json:"detail,omitempty"`
}

// CheckStatus is a check's verdict. The zero value is not a verdict.
type CheckStatus string

// The verdicts of a check.
const (
	CheckPassed  CheckStatus = "passed"
	CheckFailed  CheckStatus = "failed"
	CheckUnknown CheckStatus = "unknown" // it could not be run; never counted as passed
)

// Checks are the results of a list of checks.
type Checks struct {
	Results []CheckResult `json:"results"`
}

// Heartbeats is what the heartbeat table of a cluster holds.
type Heartbeats struct {
	Newest   *recovery.Heartbeat          `json:"newest,omitempty"` // nil: none survived
	Rows     int64                        `json:"rows"`
	Findings []recovery.ContinuityFinding `json:"findings,omitempty"` // at most 50
}

// LossInput asks what committed after the target.
type LossInput struct {
	Where
	From     wal.LSN      `json:"from"` // where recovery ended
	Timeline wal.Timeline `json:"timeline,omitempty"`
	Until    wal.LSN      `json:"until,omitzero"` // the fence
}

// Loss is the work that a recovery target leaves behind, from WAL.
type Loss struct {
	Tables       []TableLoss `json:"tables"` // at most 500, most rows first
	Transactions int64       `json:"transactions"`
	Unattributed int64       `json:"unattributed,omitempty"` // row changes in relations that are gone
	Complete     bool        `json:"complete"`               // false: some WAL was not readable; figures are lower bounds
	Detail       string      `json:"detail,omitempty"`
}

// TableLoss counts the committed row changes of one table after the target.
type TableLoss struct {
	Table    string `json:"table"`
	Inserted int64  `json:"inserted"`
	Updated  int64  `json:"updated"`
	Deleted  int64  `json:"deleted"`
}

// Prefix begins the names of this package's activities.
const Prefix = "postgres."

// Queue is the task queue of work that must touch host's disks.
func Queue(host string) string { return "host." + host }
