package runbook

import (
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// ask tells those who may answer q, the moment it is open. Escalation later tells
// others; its levels begin after minutes in which nobody would know. The notice has
// one identity however often it is sent, and a run that continues as new does not
// send it again: the question is known there.
func (rb *Run) ask(q *question) {
	if rb.spec.Mode != Attended || !tellsAtOnce(rb.ctx) {
		return
	}
	rb.tell(Notice{Kind: NoticeQuestion, Title: q.Title, Detail: rb.asking(q), Opened: q.OpenedAt, To: rb.deciders(q)})
}

// asking says what is asked and the exact commands that answer it.
func (rb *Run) asking(q *question) string {
	lines := []string{"Target: " + q.Target}
	if !q.ExpiresAt.IsZero() {
		lines = append(lines, "Decide before "+q.ExpiresAt.UTC().Format(time.RFC3339)+".")
	}
	lines = append(lines, "Read what is put to you: starter status --run "+shellQuote(rb.id.WorkflowID), "Answer:", rb.howToAnswer(q))
	return strings.Join(lines, "\n")
}

// deciders are the people who may answer q: holders of its roles, and of a role the
// authority table allows, but not who may not because they asked for the run. Where
// none of them can be reached by mail, the first level of escalation is told.
func (rb *Run) deciders(q *question) []plan.Addressee {
	var to []plan.Addressee
	reachable := false
	for _, p := range rb.spec.Plan.People {
		held := rb.spec.rolesOf(p.ID)
		may := intersect(rb.spec.Plan.Authority[plan.Message(q.Accepts[0])], held) && (len(q.Roles) == 0 || intersect(q.Roles, held))
		if !may || !q.Self && rb.asked(p.ID) {
			continue
		}
		to = append(to, plan.Addressee{ID: p.ID, Name: p.Name, Email: p.Email, Phone: p.Phone})
		reachable = reachable || p.Email != ""
	}
	if !reachable && len(rb.spec.Plan.Escalation) > 0 {
		return slices.Concat(to, rb.spec.Plan.Escalation[0].Notify)
	}
	return to
}

// asked reports whether person asked for the run or declared it.
func (rb *Run) asked(person string) bool {
	return person == rb.spec.Requester || rb.book.Declared != nil && person == rb.book.Declared.By
}
