package databasecorruption

import (
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/reporting"
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// Name is the workflow type, as in `temporal workflow start --type`.
const Name = "DatabaseCorruption"

// Scenario is the runbook's name in the plan and on the command line.
const Scenario = "database-corruption"

// QueryReport names the query that says where the run's report is, however the run
// ended: a run that failed returns no Result. Its answer is a reporting.Written.
const QueryReport = "report"

// WorkflowID returns the ID a run for service must have. One service has one ID
// whatever the scenario, so that Temporal itself refuses a second run beside it.
func WorkflowID(service string) string { return "recover/" + service }

// Input starts the runbook. Everything but the incident's identity and the
// moment of disruption has a default.
type Input struct {
	// Incident identifies the disruption: letters, digits, dots and dashes.
	Incident string `json:"incident"`
	// PlanHash pins the plan to follow; a worker with another plan refuses.
	PlanHash plan.Hash `json:"plan_hash"`
	// Service that is disrupted, as the plan names it.
	Service string `json:"service"`
	// Database to recover; empty: the service's only one.
	Database string `json:"database,omitempty"`
	// Severity of the incident, P1 to P4; empty: the service's priority.
	Severity plan.Level `json:"severity,omitempty"`
	// Summary says in a sentence what users see.
	Summary string `json:"summary,omitempty"`
	// DisruptedAt is when users were first affected, and who says so.
	DisruptedAt time.Time `json:"disrupted_at"`
	// DetectedAt is when somebody or something noticed; zero: unknown.
	DetectedAt time.Time `json:"detected_at,omitzero"`
	// Requester is the person who asked for the run; empty: monitoring.
	Requester string `json:"requester,omitempty"`
	// Automatic: monitoring or a schedule starts the run, not a person. Two such
	// runs keep the plan's minimum interval.
	Automatic bool `json:"automatic,omitempty"`
	// Target to recover to; nil lets the assessment propose one.
	Target *recovery.Target `json:"target,omitempty"`
	// Declaration may be signed before the run starts.
	Declaration *approval.Signed `json:"declaration,omitempty"`

	// Carried is set when the run continues as new, and by nobody else.
	Carried *runbook.Carried `json:"carried,omitempty"`
}

// Result is what a finished run returns; the report holds the details.
type Result struct {
	Summary runbook.Summary    `json:"summary"`
	Choice  *recovery.Choice   `json:"choice,omitempty"`
	Reached *recovery.Reached  `json:"reached,omitempty"`
	RTO     recovery.RTOResult `json:"rto"`
	RPO     recovery.RPOResult `json:"rpo"`
	Loss    *postgres.Loss     `json:"loss,omitempty"`
	Report  *reporting.Written `json:"report,omitempty"`
}

// Validate checks what can be checked without a plan.
func (in Input) Validate() error {
	switch {
	case !validID(in.Incident):
		return failure.Invalid("incident", "%.80q is not 1 to 64 letters, digits, dots and dashes", in.Incident).
			WithHint("starter run database-corruption --incident INC-2026-0042 …")
	case in.PlanHash == "":
		return failure.Invalid("plan_hash", "is required").WithHint("starter plan check prints it")
	case in.Service == "":
		return failure.Invalid("service", "is required").WithHint("starter plan services lists them")
	case in.DisruptedAt.IsZero():
		return failure.Invalid("disrupted_at", "is required: without it neither RTO nor RPO can be measured").
			WithHint("give your best knowledge, for example 2026-03-01T10:15:00Z")
	case len(in.Summary) > 2000:
		return failure.Invalid("summary", "has %d characters, at most 2000 are allowed", len(in.Summary))
	}
	if in.Target != nil {
		return in.Target.Validate()
	}
	return nil
}

func validID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
	return len(id) > 0 && len(id) <= 64 && strings.Trim(id, allowed) == ""
}

// choicePut is what the approvers of the gate "restore" see and sign for.
type choicePut struct {
	Proposal *recovery.Proposal `json:"proposal,omitempty"` // nil: the requester named the target
	Choice   recovery.Choice    `json:"choice"`
	Extent   postgres.Extent    `json:"extent"`
	Fence    postgres.Fence     `json:"fence"`
}

// cutOverPut is what the approvers of the gate "cut-over" see and sign for.
type cutOverPut struct {
	Reached   recovery.Reached       `json:"reached"`
	Integrity postgres.Integrity     `json:"integrity"`
	Checks    []postgres.CheckResult `json:"checks"`
	Newest    *recovery.Heartbeat    `json:"newest_heartbeat,omitempty"`
	WorkLost  recovery.Amount        `json:"work_lost"`
	Loss      postgres.Loss          `json:"loss"`
}

// keepPut is what whoever commits or rolls back sees and signs for.
type keepPut struct {
	Serving   postgres.Identity  `json:"serving"`
	Aside     string             `json:"aside"`
	AsidePort int                `json:"aside_port"`
	RPO       recovery.RPOResult `json:"rpo"`
}
