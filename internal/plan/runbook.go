package plan

import "time"

// Runbook is the recovery procedure for one scenario.
type Runbook struct {
	// Scenario names the runbook in commands.
	Scenario string `json:"scenario"`
	// Title of the scenario.
	Title string `json:"title"`
	// Detection says how the scenario shows itself.
	Detection string `json:"detection"`
	// Services it recovers.
	Services []string `json:"services"`
	// Phases in order; their budgets sum to at most the RTO of every service.
	Phases []Phase `json:"phases"`
	// Response lists the scenario's response steps as the plan's text has them, for readers.
	Response []ResponseStage `json:"response,omitempty"`
	// Gates are the points where people must approve.
	Gates []Gate `json:"gates,omitempty"`
	// RollbackDeadline is how long a cut-over stays provisional.
	RollbackDeadline Duration `json:"rollback_deadline,omitempty"`
	// AtDeadline is what happens to a provisional cut-over nobody decided on.
	AtDeadline AtDeadline `json:"at_deadline,omitempty"`
	// MinInterval between two runs of one service that monitoring or a schedule
	// started, at most 31d; a run that a person asked for never waits.
	MinInterval Duration `json:"min_interval,omitempty"`
	// NoticeDeadWorker is how long a worker at work on a step may be silent before
	// the step is tried again by another, or by the same one restarted; from 1s to 5m,
	// 20s where it is left out.
	NoticeDeadWorker Duration `json:"notice_dead_worker,omitempty"`
	// Unattended is the policy of drills, where nobody answers.
	Unattended Unattended `json:"unattended"`
	// Notify names contacts, groups, roles or people told of start and end.
	Notify []string `json:"notify,omitempty"`
	// Replaces lists the manual commands of the written plan this runbook takes the place of.
	Replaces []string `json:"replaces,omitempty"`
}

// longestInterval bounds MinInterval.
const longestInterval = Duration(31 * 24 * time.Hour)

// DefaultNotice is Runbook.NoticeDeadWorker where the plan leaves it out, and the
// bounds of what it may say.
const (
	DefaultNotice  = 20 * time.Second
	shortestNotice = Duration(time.Second)
	longestNotice  = Duration(5 * time.Minute)
)

// Phase is one budgeted part of a runbook.
type Phase struct {
	// Name of the phase.
	Name string `json:"name"`
	// Title of the phase.
	Title string `json:"title"`
	// Budget of the phase; running out is a breach, not an abort.
	Budget Duration `json:"budget"`
	// Steps as the plan's text has them.
	Steps []string `json:"steps"`
}

// ResponseStage is one stage of a scenario's response steps.
type ResponseStage struct {
	// Title of the stage.
	Title string `json:"title"`
	// From the disruption on.
	From Duration `json:"from,omitempty"`
	// Until this long after the disruption; zero: open.
	Until Duration `json:"until,omitempty"`
	// Steps of the stage.
	Steps []string `json:"steps"`
}

// Gate is a point where people must approve before a runbook goes on.
type Gate struct {
	// Name of the gate.
	Name string `json:"name"`
	// Title says what is approved.
	Title string `json:"title"`
	// After is the phase the gate follows.
	After string `json:"after"`
	// Roles whose holders may approve.
	Roles []string `json:"roles"`
	// Quorum is how many different people must approve.
	Quorum int `json:"quorum"`
	// Expiry of an approval and of the wait for it.
	Expiry Duration `json:"expiry"`
}

// Unattended says what a run does where it would ask.
type Unattended struct {
	// OnFailure of a step.
	OnFailure FailurePolicy `json:"on_failure"`
	// Attempts of a failed step before OnFailure, one or more.
	Attempts int `json:"attempts"`
	// Gates says how gates of a drill on isolated targets are passed.
	Gates GatePolicy `json:"gates"`
}

// Tests is the calendar of drills and the shape of their report.
type Tests struct {
	// Calendar of tests.
	Calendar []Test `json:"calendar"`
	// Report is the documentation of a test.
	Report ReportTemplate `json:"report"`
}

// Test is one drill of the calendar.
type Test struct {
	// Every is how often it runs.
	Every TestPeriod `json:"every"`
	// Title of the test.
	Title string `json:"title"`
	// Runbook that is drilled; empty: people test it by hand.
	Runbook string `json:"runbook,omitempty"`
}

// ReportTemplate is the shape of a test report.
type ReportTemplate struct {
	// Title of the report.
	Title string `json:"title"`
	// Sections in order.
	Sections []string `json:"sections"`
	// Results that are measured.
	Results []string `json:"results"`
	// IssueFields of every issue found.
	IssueFields []string `json:"issue_fields"`
}
