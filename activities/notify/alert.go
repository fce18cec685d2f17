package notify

import (
	"fmt"
	"strings"
	"time"
)

// Alert is an incident notification in the shape of the DR plan's template
// ("Internal Communications", Incident Notification Template).
type Alert struct {
	Title            string    `json:"title"`    // plan: communication.alert.title
	Severity         string    `json:"severity"` // P1 to P4
	Status           string    `json:"status"`   // Investigating, Identified, Monitoring, Resolved
	Started          time.Time `json:"started"`
	AffectedServices []string  `json:"affected_services"`
	Impact           string    `json:"impact"`
	Actions          []string  `json:"actions,omitempty"`
	NextUpdate       time.Time `json:"next_update,omitzero"` // zero: none is planned
	Commander        string    `json:"commander"`            // name and contact
}

// Subject is the alert in one line.
func (a Alert) Subject() string {
	return fmt.Sprintf("[%s] %s: %s", a.Severity, a.Title, a.Status)
}

// Text is the alert as the plan's template lays it out. Times are UTC.
func (a Alert) Text() string {
	const layout = "2006-01-02 15:04 UTC"
	next := "none planned"
	if !a.NextUpdate.IsZero() {
		next = a.NextUpdate.UTC().Format(layout)
	}
	actions := "none yet"
	if len(a.Actions) > 0 {
		actions = "- " + strings.Join(a.Actions, "\n- ")
	}
	return fmt.Sprintf(`%s

Severity: %s
Status: %s
Start Time: %s
Affected Services: %s

Current Impact:
%s

Actions Taken:
%s

Next Update: %s
Incident Commander: %s
`, a.Title, a.Severity, a.Status, a.Started.UTC().Format(layout), strings.Join(a.AffectedServices, ", "),
		a.Impact, actions, next, a.Commander)
}
