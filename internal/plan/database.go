package plan

// Database is one PostgreSQL database and the cluster it lives in.
type Database struct {
	// Name of the database in this plan.
	Name string `json:"name"`
	// Service it belongs to; its objectives are the database's.
	Service string `json:"service"`
	// DataClass in objectives.data_classes.
	DataClass string `json:"data_class"`
	// DBName is the database's name in PostgreSQL.
	DBName string `json:"dbname"`
	// Superuser that holdfast connects as.
	Superuser string `json:"superuser"`
	// OSUser that owns the server's files and process.
	OSUser string `json:"os_user"`
	// Hosts of the cluster; exactly one is primary.
	Hosts []DatabaseHost `json:"hosts"`
	// CrossRegionReplica says that a replica must run in another region than the primary.
	CrossRegionReplica bool `json:"cross_region_replica,omitempty"`
	// Roles are the application's login roles, fenced during a recovery.
	Roles []DatabaseRole `json:"roles"`
	// UnfencedRoles may go on writing while the application is fenced. Any other role that could write makes the fence fail:
	// a login role that is no superuser, or one with a session, that may change a table, a sequence or a large object, or may
	// call a SECURITY DEFINER function.
	UnfencedRoles []string `json:"unfenced_roles,omitempty"`
	// Endpoint is where the application's connections are routed.
	Endpoint Endpoint `json:"endpoint"`
	// Backup of this database.
	Backup DatabaseBackup `json:"backup"`
	// Heartbeat rows that measure the recovery point.
	Heartbeat Heartbeat `json:"heartbeat"`
	// Checks that a recovered database must pass.
	Checks []Check `json:"checks"`
	// Invariants are true on clean data; where one turns false, damage began.
	Invariants []Invariant `json:"invariants,omitempty"`
	// CriticalQueries must answer right and in time.
	CriticalQueries []CriticalQuery `json:"critical_queries,omitempty"`
	// Observation after writes are resumed.
	Observation Observation `json:"observation"`
	// TablesOfInterest are listed first in reports, as schema.table. A transaction that
	// damaged one is proposed as the beginning of the damage before others.
	TablesOfInterest []string `json:"tables_of_interest,omitempty"`
}

// DatabaseHost is one PostgreSQL server of a cluster.
type DatabaseHost struct {
	// Host of the plan's sites the server runs on.
	Host string `json:"host"`
	// Role in replication.
	Role DatabaseHostRole `json:"role"`
	// DataDir is PGDATA, absolute.
	DataDir string `json:"data_dir"`
	// Port of the server.
	Port int `json:"port"`
	// SocketDir of the server, absolute.
	SocketDir string `json:"socket_dir,omitempty"`
	// BinDir holds pg_ctl and the rest, absolute.
	BinDir string `json:"bin_dir"`
	// ConfigFile is postgresql.conf where it lies outside DataDir, absolute.
	ConfigFile string `json:"config_file,omitempty"`
	// Unit is the systemd unit that runs the server; empty: pg_ctl.
	Unit string `json:"unit,omitempty"`
	// Conn holds further libpq keywords (sslmode, sslrootcert, application_name …), never a password. Where it names no sslmode,
	// a server that is reached on another machine must prove its name: verify-full.
	Conn string `json:"conn,omitempty"`
	// Password of the superuser; empty: peer or certificate authentication.
	Password SecretRef `json:"password,omitempty"`
	// AsidePort is where a restored server runs beside the damaged one.
	AsidePort int `json:"aside_port"`
	// Workspace is where restores are written, absolute.
	Workspace string `json:"workspace"`
}

// DatabaseRole is a login role of the application.
type DatabaseRole struct {
	// Name of the role in PostgreSQL.
	Name string `json:"name"`
	// Password it logs in with when a recovery is validated.
	Password SecretRef `json:"password,omitempty"`
	// ReadOnly roles are not fenced, so that readers can be sent to the replica. The fence checks the claim: a role that may
	// change anything, itself, through a role it may take, or through a SECURITY DEFINER function, or that may create in a
	// schema, is fenced all the same. Before PostgreSQL 15 everybody may create in schema public until that is revoked.
	ReadOnly bool `json:"read_only,omitempty"`
}

// Endpoint is what the application connects to.
type Endpoint struct {
	// Kind of the endpoint.
	Kind EndpointKind `json:"kind"`
	// Host of the plan's sites it runs on.
	Host string `json:"host,omitempty"`
	// ConfigFile that is rewritten at a cut-over, absolute.
	ConfigFile string `json:"config_file,omitempty"`
	// AdminConn is the libpq connection string of the admin console, without password. A console on another machine must prove
	// its name, sslmode=verify-full, unless the string says how.
	AdminConn string `json:"admin_conn,omitempty"`
	// AdminPassword of the admin console.
	AdminPassword SecretRef `json:"admin_password,omitempty"`
	// WriterEntry is the database entry writers connect to.
	WriterEntry string `json:"writer_entry,omitempty"`
	// ReaderEntry is the database entry readers connect to.
	ReaderEntry string `json:"reader_entry,omitempty"`
}

// DatabaseBackup says how a database is backed up.
type DatabaseBackup struct {
	// Label of base backups.
	Label string `json:"label,omitempty"`
	// Tiers that back this database up; must hold continuous.
	Tiers []Tier `json:"tiers"`
	// Archive of the write-ahead log.
	Archive Archive `json:"archive"`
	// FullInterval is the longest time between two full backups.
	FullInterval Duration `json:"full_interval"`
	// MaxIncrements between two fulls.
	MaxIncrements int `json:"max_increments"`
	// Retention is how long a verified set and the log to recover from it are kept.
	Retention Duration `json:"retention"`
	// ThrottlePerSecond bounds how fast a backup reads; zero: unbounded.
	ThrottlePerSecond Bytes `json:"throttle_per_second,omitempty"`
	// LogicalDump is where the plan names a pg_dump to be written.
	LogicalDump string `json:"logical_dump,omitempty"`
}

// Archive says how the write-ahead log reaches the stores.
type Archive struct {
	// Require says how many stores must hold a segment before it is acknowledged.
	Require ArchiveRequire `json:"require"`
	// SpoolDir holds segments no store would take, absolute.
	SpoolDir string `json:"spool_dir"`
	// SpoolMax bounds the spool.
	SpoolMax Bytes `json:"spool_max"`
	// Headroom is the free space of pg_wal's file system below which an alarm speaks.
	Headroom Bytes `json:"headroom"`
	// WhenFull is what happens when pg_wal is about to fill.
	WhenFull WhenFull `json:"when_full"`
	// TailInterval is the longest time flushed bytes wait before they are shipped.
	TailInterval Duration `json:"tail_interval"`
	// MaxSlotKeep is max_slot_wal_keep_size of the slot the tail reads from.
	MaxSlotKeep Bytes `json:"max_slot_keep"`
}

// Heartbeat is the row committed on the primary that proves how far recovery reached.
type Heartbeat struct {
	// Interval between two rows.
	Interval Duration `json:"interval"`
}

// Check is one query whose single value must meet an expectation.
type Check struct {
	// Name of the check.
	Name string `json:"name"`
	// SQL returns one row with one column.
	SQL string `json:"sql"`
	// Expect is what the value must be.
	Expect Expect `json:"expect"`
	// Critical checks fail a validation; others are reported.
	Critical bool `json:"critical,omitempty"`
	// Role the query runs as; empty: the superuser.
	Role string `json:"role,omitempty"`
}

// Expect is an expectation of one value. Expect.Met judges it.
type Expect struct {
	// Op compares the value read with Value.
	Op CompareOp `json:"op"`
	// Value to compare with: numerically where both are numbers, else as text.
	Value string `json:"value"`
}

// Invariant is a query that returns true on clean data.
type Invariant struct {
	// Name of the invariant.
	Name string `json:"name"`
	// SQL returns one boolean.
	SQL string `json:"sql"`
}

// CriticalQuery must be answered within a time.
type CriticalQuery struct {
	// Name of the query.
	Name string `json:"name"`
	// SQL to run; its rows are read and thrown away.
	SQL string `json:"sql"`
	// MaxLatency of the answer.
	MaxLatency Duration `json:"max_latency"`
	// Role the query runs as; empty: the superuser.
	Role string `json:"role,omitempty"`
}

// Observation bounds how a recovered database must behave, against the baseline before the disruption.
type Observation struct {
	// Duration of the observation.
	Duration Duration `json:"duration"`
	// MinTPSRatio is the least transactions a second, as a ratio to the baseline's: of ten minutes before the disruption where
	// they were counted, else of seconds when the run began.
	MinTPSRatio float64 `json:"min_tps_ratio"`
	// MaxP95Ratio is the greatest 95th percentile of latency, as a ratio to the baseline's.
	MaxP95Ratio float64 `json:"max_p95_ratio"`
	// MaxReplicaLag of every replica at the end.
	MaxReplicaLag Duration `json:"max_replica_lag"`
}
