package runbook

import (
	"strings"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// openQuestionOf says everything about q that its approvers must see.
func (rb *Run) openQuestionOf(q *question) OpenQuestion {
	open := OpenQuestion{
		Key: q.Key, Title: q.Title, Accepts: q.Accepts, Roles: q.Roles, Missing: q.Quorum - len(q.Votes),
		OpenedAt: q.OpenedAt, ExpiresAt: q.ExpiresAt, Target: q.Target, Choice: q.Choice.Text,
		Commands: rb.commands(q),
	}
	if len(open.Roles) == 0 && len(q.Accepts) > 0 {
		open.Roles = rb.spec.Plan.Authority[plan.Message(q.Accepts[0])]
	}
	for _, v := range q.Votes {
		open.Approved = append(open.Approved, v.Person)
	}
	for _, kind := range append(append([]approval.Kind{}, q.Accepts...), approval.Acknowledge) {
		open.Templates = append(open.Templates, rb.template(q, kind))
	}
	return open
}

// template is a message that answers q, ready but for person, reason, verdict
// and times. Its sequence is above that of every message that counted.
func (rb *Run) template(q *question, kind approval.Kind) approval.Message {
	return approval.Message{
		Kind: kind, WorkflowID: rb.id.WorkflowID, FirstRunID: rb.id.FirstRunID, Incident: rb.spec.Incident,
		Nonce: q.Nonce, Target: q.Target, PlanHash: string(rb.spec.Plan.PlanHash),
		ChoiceHash: q.Choice.Hash, TimelineHead: q.Head, Sequence: rb.nextSequence(),
	}
}

func (rb *Run) nextSequence() uint64 {
	var last uint64
	for _, who := range rb.book.Senders {
		last = max(last, who.Sequence)
	}
	return last + 1
}

// commands are what a person types to answer q.
func (rb *Run) commands(q *question) []string {
	run := " --run " + shellQuote(rb.id.WorkflowID)
	var lines []string
	for _, kind := range q.Accepts {
		switch kind {
		case approval.Resolve:
			lines = append(lines, rb.resolveCommand(q)+run)
		case approval.Extend:
			lines = append(lines, "starter extend --by 30m --reason TEXT"+run)
		case approval.Reject, approval.Rollback:
			lines = append(lines, "starter "+string(kind)+" --reason TEXT"+run)
		default:
			lines = append(lines, "starter "+string(kind)+run)
		}
	}
	return lines
}

func (rb *Run) resolveCommand(q *question) string {
	switch {
	case strings.HasPrefix(q.Key, breachPrefix):
		return "starter resolve --abort --reason TEXT"
	case q.NoSkip:
		return "starter resolve --retry|--abort"
	default:
		return "starter resolve --retry|--skip|--abort"
	}
}

// howToAnswer is for notices and the Web UI.
func (rb *Run) howToAnswer(q *question) string { return strings.Join(rb.commands(q), "\n") }

// shellQuote makes s one word of a shell command.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
