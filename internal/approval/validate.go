package approval

import (
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Validate checks that m is complete and within bounds. Errors are
// failure.InvalidInput and name the field.
func (m Message) Validate() error {
	if !slices.Contains(Kinds(), m.Kind) {
		return failure.Invalid("kind", "%.40q is not a kind of message", m.Kind)
	}
	for _, check := range []func() error{m.checkTexts, m.checkBinding, m.checkTimes, m.checkAnswer} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (m Message) checkTexts() error {
	for _, text := range []struct {
		field, value string
		max          int
	}{
		{"person", m.Person, 256},
		{"reason", m.Reason, maxReasonBytes},
		{"verdict", string(m.Verdict), 16},
		{"workflow_id", m.WorkflowID, maxTextBytes},
		{"first_run_id", m.FirstRunID, 256},
		{"incident", m.Incident, 256},
		{"nonce", m.Nonce, 128},
		{"target", m.Target, maxTextBytes},
		{"plan_hash", m.PlanHash, 128},
		{"choice_hash", m.ChoiceHash, 128},
		{"timeline_head", m.TimelineHead, 128},
	} {
		if len(text.value) > text.max {
			return failure.Invalid(text.field, "%d bytes long, at most %d are allowed", len(text.value), text.max)
		}
	}
	return nil
}

// checkBinding requires every field that ties the message to one run, and to
// one question where there is one.
func (m Message) checkBinding() error {
	required := map[string]string{
		"person": m.Person, "workflow_id": m.WorkflowID, "incident": m.Incident, "plan_hash": m.PlanHash,
	}
	if m.Kind != Declare {
		required["first_run_id"] = m.FirstRunID
	}
	if m.answersQuestion() {
		required["nonce"], required["timeline_head"], required["choice_hash"] = m.Nonce, m.TimelineHead, m.ChoiceHash
	}
	for _, field := range []string{
		"person", "workflow_id", "first_run_id", "incident", "plan_hash", "nonce", "timeline_head", "choice_hash",
	} {
		if value, needed := required[field]; needed && value == "" {
			return failure.Invalid(field, "is required in a message of kind %s", m.Kind)
		}
	}
	return nil
}

// answersQuestion reports whether m must name the question it answers.
func (m Message) answersQuestion() bool {
	switch m.Kind {
	case Pause, Resume:
		return false
	case Declare:
		return m.FirstRunID != "" // signed beforehand, there is no question yet
	default:
		return true
	}
}

func (m Message) checkTimes() error {
	switch validity := m.ExpiresAt.Sub(m.IssuedAt); {
	case m.IssuedAt.IsZero():
		return failure.Invalid("issued_at", "is required")
	case validity <= 0:
		return failure.Invalid("expires_at", "must be after issued_at")
	case validity > MaxValidity:
		return failure.Invalid("expires_at", "%s after issued_at, at most %s is allowed", validity, MaxValidity)
	case m.Sequence == 0:
		return failure.Invalid("sequence", "starts at 1")
	}
	return nil
}

func (m Message) checkAnswer() error {
	extension := time.Duration(m.ExtendSeconds) * time.Second
	switch {
	case m.Kind == Resolve && !slices.Contains([]Verdict{Retry, Skip, Abort}, m.Verdict):
		return failure.Invalid("verdict", "%.20q is not retry, skip or abort", m.Verdict)
	case m.Kind != Resolve && m.Verdict != "":
		return failure.Invalid("verdict", "belongs in a message of kind %s only", Resolve)
	case m.Kind == Extend && (m.ExtendSeconds <= 0 || m.ExtendSeconds > int64(MaxExtension/time.Second)):
		return failure.Invalid("extend_seconds", "%s is not between 1s and %s", extension, MaxExtension)
	case m.Kind != Extend && m.ExtendSeconds != 0:
		return failure.Invalid("extend_seconds", "belongs in a message of kind %s only", Extend)
	case m.needsReason() && m.Reason == "":
		return failure.Invalid("reason", "is required to %s", m.Kind)
	}
	return nil
}

// needsReason: whoever departs from the plan says why.
func (m Message) needsReason() bool {
	switch m.Kind {
	case Reject, Pause, Extend, Rollback:
		return true
	case Resolve:
		return m.Verdict != Retry
	default:
		return false
	}
}
