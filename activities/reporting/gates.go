package reporting

import (
	"strconv"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/report"
)

// declared is how the timeline names that the question before it was answered.
const declared = "Incident declared"

// gatesOf reads from the timeline at which points people decided, and who. roles
// holds what the plan calls each person.
func gatesOf(entries []evidence.Entry, roles map[string]string) []report.Gate {
	var gates []report.Gate
	open := func(title string) *report.Gate {
		for i := len(gates) - 1; i >= 0; i-- {
			if gates[i].Title == title {
				return &gates[i]
			}
		}
		return nil
	}
	for _, entry := range entries {
		if entry.Kind == evidence.GateOpened {
			quorum, err := strconv.Atoi(entry.Value("quorum"))
			if err != nil {
				quorum = 1 // questions without a quorum need one person
			}
			gates = append(gates, report.Gate{Title: entry.Title, Phase: entry.Phase, Opened: entry.At, Outcome: "open", Quorum: quorum, Shown: entry.Detail})
			continue
		}
		if entry.Kind == evidence.GatePassed && entry.Title == declared && len(gates) > 0 {
			entry.Title = gates[len(gates)-1].Title
		}
		if gate := open(entry.Title); gate != nil {
			decide(gate, entry, roles)
		}
	}
	return gates
}

// decide adds what entry says about gate.
func decide(gate *report.Gate, entry evidence.Entry, roles map[string]string) {
	switch entry.Kind {
	case evidence.GateApproved, evidence.GateRejected, evidence.MessageAccepted:
		gate.Approvals = append(gate.Approvals, report.Approval{
			Person: entry.Actor, Role: roles[entry.Actor], Verdict: verdictOf(entry), At: entry.At,
			Key: entry.Value("key"), Reason: entry.Detail,
		})
		if entry.Kind == evidence.GateRejected {
			gate.Outcome, gate.Closed = "rejected", entry.At
		}
		if verdict := entry.Value("verdict"); verdict != "" || entry.Value("kind") == "extend" || entry.Value("kind") == "rollback" {
			gate.Outcome, gate.Closed = verdictOf(entry), entry.At
		}
	case evidence.GatePassed:
		gate.Outcome, gate.Closed = "passed", entry.At
	case evidence.GateExpired:
		gate.Outcome, gate.Closed = "expired", entry.At
	default: // escalations and refusals are on the timeline itself
	}
}

func verdictOf(entry evidence.Entry) string {
	if verdict := entry.Value("verdict"); verdict != "" {
		return verdict // of a failed step: retry, skip or abort
	}
	if verdict := entry.Value("kind"); verdict != "" {
		return verdict
	}
	if entry.Kind == evidence.GateRejected {
		return "reject"
	}
	return "approve"
}
