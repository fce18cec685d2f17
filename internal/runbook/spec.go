package runbook

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Mode says who answers where the runbook asks.
type Mode string

// The modes.
const (
	// Attended asks people, as in a disaster. The zero value means this.
	Attended Mode = "attended"
	// Drill follows the plan's unattended policy. The caller must have proved that
	// every target is isolated; the timeline records the policy, never a person.
	Drill Mode = "drill"
	// Routine is scheduled work that changes no service, such as a backup: no
	// declaration, no lease, no gates, and the plan's unattended policy on failure.
	Routine Mode = "routine"
)

// Spec is what a workflow says about itself when it opens its runbook.
type Spec struct {
	Incident string       // ID of the incident or, for drills and routines, of the occasion
	Plan     plan.Extract // its Runbook gives phases, gates and policies
	Mode     Mode
	Phases   []string // phases the workflow will enter; the plan must have each
	Gates    []string // gates it will come to; the plan must have each

	// Requester is the person's ID who asked for the run, "" for monitoring. A
	// requester may not approve; nor may whoever signed the declaration.
	Requester string
	// Automatic: monitoring or a schedule started the run, nobody asked for it. Two
	// such runs on one service keep the plan's minimum interval.
	Automatic bool
	// Target is the identity of what would be changed, until SetTarget knows better.
	Target string
	// Declaration may be signed beforehand; see Run.Declare.
	Declaration *approval.Signed
	// Disrupted is when users were first affected, as whoever declares beforehand
	// signs it.
	Disrupted time.Time
	// Notify tells people. It calls Do as any step would; its steps are advisory.
	// Nil tells nobody, and the timeline says so.
	Notify func(*Run, Notice) error

	// Carried comes from the run before, nil in the first one.
	Carried *Carried
	// Continue makes the error that continues the workflow with c in its input:
	// workflow.NewContinueAsNewError(ctx, Run, in). Nil: the run is never continued.
	Continue func(c *Carried) error
}

// NoticeKind says why people are told.
type NoticeKind string

// The kinds of notice.
const (
	NoticeEscalation NoticeKind = "escalation" // a question has been open too long
	NoticeBreach     NoticeKind = "breach"     // a phase ran out of budget
	NoticeQuestion   NoticeKind = "question"   // a question was opened
	NoticeCancel     NoticeKind = "cancel"     // a request to cancel was not carried out
)

// Notice is something people must be told.
type Notice struct {
	Kind   NoticeKind         `json:"kind"`
	Title  string             `json:"title"`
	Detail string             `json:"detail"` // what to do, with the command
	Level  plan.ResolvedLevel `json:"level"`  // for escalations: whom to tell
	To     []plan.Addressee   `json:"to"`
	Opened time.Time          `json:"opened"`
}

func (s *Spec) validate(ctx workflow.Context) error {
	info := workflow.GetInfo(ctx)
	switch {
	case s.Incident == "":
		return failure.Invalid("incident", "is required").WithHint("starter run … --incident ID")
	case s.Plan.PlanHash == "":
		return failure.Invalid("plan", "has no hash: load it from a file")
	case s.Plan.Service.Name == "" && s.Mode != Routine:
		return failure.Invalid("plan.service", "is required")
	case !slices.Contains([]Mode{Attended, Drill, Routine}, s.Mode):
		return failure.Invalid("mode", "%.20q is not %s, %s or %s", s.Mode, Attended, Drill, Routine)
	case s.Automatic && (s.Requester != "" || s.Declaration != nil):
		return failure.Invalid("automatic", "is for a run that nobody asked for, and this one has a requester or a declaration").
			WithHint("leave one of them out")
	case s.Carried != nil && !continued(info):
		// Whoever may start a workflow could otherwise hand in passed gates, a
		// declaration nobody signed, and undo records that run any activity.
		return failure.Invalid("carried", "is set by a run that continues as new, and by nobody else").
			WithHint("start the run again without it")
	case tooShort(info.WorkflowRunTimeout) || tooShort(info.WorkflowExecutionTimeout):
		// The server ends such a run without running its undo.
		return failure.Invalid("timeout", "a runbook must be started without execution or run timeout").
			WithHint("phases have budgets instead; start it again without --execution-timeout and --run-timeout")
	}
	return s.validateNames()
}

// continued reports whether an earlier run of this chain wrote the input. A retry
// and a cron run follow an earlier run too, but with the starter's own input.
func continued(info *workflow.Info) bool {
	return info.ContinuedExecutionRunID != "" && info.Attempt <= 1 && info.CronSchedule == ""
}

// leastTimeout is what a workflow's own timeout must be at least, if it has one.
const leastTimeout = 365 * 24 * time.Hour

func tooShort(timeout time.Duration) bool { return timeout > 0 && timeout < leastTimeout }

// validateNames checks that the plan has every phase and gate the workflow
// will come to: found out now, not in the middle of a disaster.
func (s *Spec) validateNames() error {
	for _, name := range s.Phases {
		if _, ok := s.phase(name); !ok {
			return failure.Invalid("plan.runbook.phases", "has no phase %q, which this runbook enters", name).
				WithHint("starter plan check")
		}
	}
	for _, name := range s.Gates {
		if _, ok := s.gate(name); !ok {
			return failure.Invalid("plan.runbook.gates", "has no gate %q, which this runbook comes to", name).
				WithHint("starter plan check")
		}
	}
	return nil
}

func (s *Spec) phase(name string) (plan.Phase, bool) {
	i := slices.IndexFunc(s.Plan.Runbook.Phases, func(p plan.Phase) bool { return p.Name == name })
	if i < 0 {
		return plan.Phase{}, false
	}
	return s.Plan.Runbook.Phases[i], true
}

func (s *Spec) gate(name string) (plan.Gate, bool) {
	i := slices.IndexFunc(s.Plan.Runbook.Gates, func(g plan.Gate) bool { return g.Name == name })
	if i < 0 {
		return plan.Gate{}, false
	}
	return s.Plan.Runbook.Gates[i], true
}

// rolesOf returns the names of the roles person holds, as primary or backup.
func (s *Spec) rolesOf(person string) []string {
	var roles []string
	for _, role := range s.Plan.Roles {
		if person != "" && (role.Primary == person || role.Backup == person) {
			roles = append(roles, role.Name)
		}
	}
	return roles
}

// keysOf returns the SSH keys the plan lists for person.
func (s *Spec) keysOf(person string) []string {
	for _, p := range s.Plan.People {
		if p.ID == person {
			return p.Keys
		}
	}
	return nil
}
