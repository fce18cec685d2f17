package runbook

import (
	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// policyName is the actor of what nobody decided: the plan's policy.
const policyName = "policy of the plan"

func failedKey(s step) string { return "failed:" + s.key }

// failedChoice is what people are shown when a step failed.
type failedChoice struct {
	Step     string `json:"step"`
	Title    string `json:"title"`
	Class    string `json:"class"`
	Error    string `json:"error"`
	Hint     string `json:"hint,omitempty"`
	Required bool   `json:"required"`
}

// askFailed asks what to do about a step that failed for good. In an unattended
// run the plan's policy answers.
func (rb *Run) askFailed(s step, cause error) *question {
	accepts := []approval.Kind{approval.Resolve}
	q, err := rb.open(
		&question{Key: failedKey(s), Title: "Step failed: " + s.title, Accepts: accepts, Self: true, NoSkip: s.required},
		failedChoice{s.key, s.title, string(failure.ClassOf(cause)), cause.Error(), failure.HintOf(cause), s.required},
		evidence.Entry{Kind: evidence.GateOpened, Step: s.key, Title: "Step failed: " + s.title, Detail: "retry, skip or abort?"})
	if err != nil { // the choice is of plain strings; only its size can be wrong
		q, _ = rb.open(&question{Key: failedKey(s), Title: "Step failed: " + s.title, Accepts: accepts, Self: true, NoSkip: s.required},
			"the error is too long to show", evidence.Entry{Kind: evidence.GateOpened, Step: s.key, Title: "Step failed: " + s.title})
	}
	if rb.spec.Mode != Attended {
		rb.answer(q, rb.failurePolicy(s))
		return q
	}
	rb.tell(Notice{Kind: NoticeQuestion, Title: q.Title, Detail: rb.howToAnswer(q), Opened: q.OpenedAt, To: rb.spec.Plan.Notify})
	return q
}

// failurePolicy is the answer of the plan's unattended policy.
func (rb *Run) failurePolicy(s step) answer {
	policy := rb.spec.Plan.Runbook.Unattended
	a := answer{Kind: approval.Resolve, Verdict: approval.Abort, By: policyName, Reason: "nobody attends this run"}
	attempts := rb.book.Steps[rb.reportOf(s)].Attempts
	switch {
	case attempts < policy.Attempts:
		a.Verdict = approval.Retry
	case policy.OnFailure == plan.FailureSkip && !s.required:
		a.Verdict = approval.Skip
	}
	return a
}
