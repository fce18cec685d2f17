package report

import (
	"encoding/json"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// Result is what the report concludes from its input.
type Result struct {
	CriteriaMet recovery.Verdict `json:"criteria_met"` // met only if every criterion is
	Steps       int              `json:"steps"`
	Retried     int              `json:"steps_retried"`
	Breaches    int              `json:"budget_breaches"`
}

// Conclude sums the input up. No criterion at all is unknown, not met.
func Conclude(in Input) Result {
	result := Result{CriteriaMet: recovery.VerdictUnknown}
	if len(in.Criteria) > 0 {
		result.CriteriaMet = recovery.VerdictMet
	}
	for _, c := range in.Criteria {
		switch c.Verdict {
		case recovery.VerdictMet, recovery.VerdictAccepted:
		case recovery.VerdictMissed:
			result.CriteriaMet = recovery.VerdictMissed
		default:
			if result.CriteriaMet == recovery.VerdictMet {
				result.CriteriaMet = recovery.VerdictUnknown
			}
		}
	}
	for _, p := range in.Phases {
		if p.Breach != "" {
			result.Breaches++
		}
		for _, s := range p.Steps {
			result.Steps++
			if s.Attempts > 1 {
				result.Retried++
			}
		}
	}
	return result
}

// JSON returns the input and the result as one indented document.
func JSON(in Input) ([]byte, error) {
	document := struct {
		Format string `json:"format"`
		Input
		Result Result `json:"result"`
	}{"holdfast.report.v1", in, Conclude(in)}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode report")
	}
	return append(text, '\n'), nil
}

// span returns how long something took, and whether that is known.
func span(begin, end time.Time) (time.Duration, bool) {
	if begin.IsZero() || end.IsZero() || end.Before(begin) {
		return 0, false
	}
	return end.Sub(begin), true
}
