package plan

// enumerated is a string that may hold one of a few values. The same list
// feeds validation and the JSON Schema.
type enumerated interface{ Values() []string }

// Level is a rank of priority and the severity of an incident: P1 to P4.
type Level string

// Values of Level, first recovered first.
func (Level) Values() []string { return []string{"P1", "P2", "P3", "P4"} }

// Likelihood grades probability and impact.
type Likelihood string

// Values of Likelihood.
func (Likelihood) Values() []string { return []string{"low", "medium", "high", "critical"} }

// SiteRole is primary or secondary.
type SiteRole string

// Roles of a site.
const (
	SitePrimary   SiteRole = "primary"
	SiteSecondary SiteRole = "secondary"
)

// Values of SiteRole.
func (SiteRole) Values() []string { return []string{"primary", "secondary"} }

// StoreProvider is the kind of a store. Two stores at one provider share its failures.
type StoreProvider string

// Providers of stores.
const (
	StoreS3   StoreProvider = "s3"
	StoreGCS  StoreProvider = "gcs"
	StoreFile StoreProvider = "file"
)

// Values of StoreProvider.
func (StoreProvider) Values() []string { return []string{"s3", "gcs", "file"} }

// Cipher of the OpenPGP messages.
type Cipher string

// AES256 is the only cipher holdfast writes.
const AES256 Cipher = "AES256"

// Values of Cipher.
func (Cipher) Values() []string { return []string{"AES256"} }

// Tier is one rhythm of backup.
type Tier string

// Tiers, shortest interval first.
const (
	Continuous Tier = "continuous"
	Hourly     Tier = "hourly"
	Daily      Tier = "daily"
	Weekly     Tier = "weekly"
	Monthly    Tier = "monthly"
)

// Values of Tier.
func (Tier) Values() []string {
	return []string{"continuous", "hourly", "daily", "weekly", "monthly"}
}

// SourceKind is what a source is made of.
type SourceKind string

// Kinds of sources.
const (
	SourceFiles      SourceKind = "files"
	SourceKubernetes SourceKind = "kubernetes"
	SourceCompose    SourceKind = "compose"
)

// Values of SourceKind.
func (SourceKind) Values() []string { return []string{"files", "kubernetes", "compose"} }

// DatabaseHostRole is a server's part in replication.
type DatabaseHostRole string

// Roles of a database host.
const (
	DatabasePrimary DatabaseHostRole = "primary"
	DatabaseReplica DatabaseHostRole = "replica"
)

// Values of DatabaseHostRole.
func (DatabaseHostRole) Values() []string { return []string{"primary", "replica"} }

// EndpointKind is what routes the application's connections.
type EndpointKind string

// Kinds of endpoints.
const (
	EndpointPgBouncer EndpointKind = "pgbouncer"
	EndpointNone      EndpointKind = "none"
)

// Values of EndpointKind.
func (EndpointKind) Values() []string { return []string{"pgbouncer", "none"} }

// ArchiveRequire says how many stores must hold a WAL segment before PostgreSQL is told so.
type ArchiveRequire string

// Requirements of the archive.
const (
	RequireAny ArchiveRequire = "any" // one store; the others are repaired behind
	RequireAll ArchiveRequire = "all" // every store
)

// Values of ArchiveRequire.
func (ArchiveRequire) Values() []string { return []string{"any", "all"} }

// WhenFull is the declared choice before pg_wal fills.
type WhenFull string

// Choices before pg_wal fills.
const (
	// FullKeep keeps every segment: the primary stops when the disk is full, nothing is lost.
	FullKeep WhenFull = "keep"
	// FullDrop acknowledges segments that no store holds: the primary goes on,
	// recovery cannot pass the gap, and a new base backup is taken at once.
	FullDrop WhenFull = "drop"
)

// Values of WhenFull.
func (WhenFull) Values() []string { return []string{"keep", "drop"} }

// CompareOp compares a value read with a value expected.
type CompareOp string

// Comparisons: value read OP value expected.
const (
	OpEqual    CompareOp = "="
	OpNotEqual CompareOp = "!="
	OpLess     CompareOp = "<"
	OpAtMost   CompareOp = "<="
	OpMore     CompareOp = ">"
	OpAtLeast  CompareOp = ">="
)

// Values of CompareOp.
func (CompareOp) Values() []string { return []string{"=", "!=", "<", "<=", ">", ">="} }

// DNSProvider serves the zone.
type DNSProvider string

// Providers of DNS.
const (
	DNSRoute53 DNSProvider = "route53"
	DNSRFC2136 DNSProvider = "rfc2136"
)

// Values of DNSProvider.
func (DNSProvider) Values() []string { return []string{"route53", "rfc2136"} }

// Message is what people may send to a run; the authority table says who.
type Message string

// Messages of a run.
const (
	Declare     Message = "declare"
	Approve     Message = "approve"
	Reject      Message = "reject"
	Acknowledge Message = "acknowledge"
	Pause       Message = "pause"
	Resume      Message = "resume"
	Resolve     Message = "resolve"
	Extend      Message = "extend"
	Commit      Message = "commit"
	Rollback    Message = "rollback"
	StartDrill  Message = "start-drill"
)

// Values of Message.
func (Message) Values() []string {
	return []string{
		"declare", "approve", "reject", "acknowledge", "pause", "resume",
		"resolve", "extend", "commit", "rollback", "start-drill",
	}
}

// ContactKind says what a contact is for.
type ContactKind string

// Kinds of contacts.
const (
	ContactEmergency ContactKind = "emergency"
	ContactVendor    ContactKind = "vendor"
	ContactRegulator ContactKind = "regulator"
)

// Values of ContactKind.
func (ContactKind) Values() []string { return []string{"emergency", "vendor", "regulator"} }

// Channel is a way to reach an audience.
type Channel string

// Channels.
const (
	ChannelEmail      Channel = "email"
	ChannelPhone      Channel = "phone"
	ChannelSlack      Channel = "slack"
	ChannelStatusPage Channel = "status-page"
)

// Values of Channel.
func (Channel) Values() []string { return []string{"email", "phone", "slack", "status-page"} }

// TLSMode of a mail connection.
type TLSMode string

// TLS modes.
const (
	TLSNone     TLSMode = "none"     // plain; for loopback only
	TLSStartTLS TLSMode = "starttls" // STARTTLS, mandatory
	TLSImplicit TLSMode = "implicit" // TLS from the first byte
)

// Values of TLSMode.
func (TLSMode) Values() []string { return []string{"none", "starttls", "implicit"} }

// AtDeadline says what becomes of a provisional cut-over at its deadline.
type AtDeadline string

// Outcomes at the deadline.
const (
	DeadlineNone     AtDeadline = "none" // stays provisional and escalates
	DeadlineCommit   AtDeadline = "commit"
	DeadlineRollback AtDeadline = "rollback"
)

// Values of AtDeadline.
func (AtDeadline) Values() []string { return []string{"none", "commit", "rollback"} }

// FailurePolicy is the answer to a failed step where nobody can be asked.
type FailurePolicy string

// Failure policies. A step marked required is never skipped.
const (
	FailureAbort FailurePolicy = "abort"
	FailureSkip  FailurePolicy = "skip"
)

// Values of FailurePolicy.
func (FailurePolicy) Values() []string { return []string{"abort", "skip"} }

// GatePolicy says how a drill passes its gates.
type GatePolicy string

// Gate policies of drills on isolated targets.
const (
	GateAutomatic GatePolicy = "automatic" // recorded as passed by policy, not by a person
	GatePeople    GatePolicy = "people"    // people approve as in a disaster
)

// Values of GatePolicy.
func (GatePolicy) Values() []string { return []string{"automatic", "people"} }

// TestPeriod is how often a test of the calendar runs.
type TestPeriod string

// Values of TestPeriod.
func (TestPeriod) Values() []string { return []string{"monthly", "quarterly", "annual"} }
