package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// RTO measures the recovery time achieved: from Disrupted to Verified, on the
// reference clock.
//
// Between Detected and Declared people decide whether this is an incident, so
// that gap is human wait as a whole; later, human wait is what waits says, each
// moment counted once. Before Detected nobody worked. The rest is machine time.
func RTO(in Instants, waits []Wait, objective Objective) RTOResult {
	points := []point{
		{"disrupted", in.Disrupted},
		{"detected", in.Detected},
		{"declared", in.Declared},
		{"started", in.Started},
		{"data recovered", in.DataRecovered},
		{"serving", in.Serving},
		{"verified", in.Verified},
	}
	result := RTOResult{Total: between(points[0], points[6], objective)}
	result.Undetected = span(in.Disrupted, in.Detected)
	merged := merge(waits, in)
	for i := 0; i+1 < len(points); i++ {
		result.Gaps = append(result.Gaps, gapOf(points[i], points[i+1], merged))
	}
	worked := span(in.Detected, in.Verified)
	if result.Total.Known && result.Undetected.Known && worked.Known {
		human := overlap(merged, in.Detected.Corrected(), in.Verified.Corrected())
		machine := result.Total.Duration - result.Undetected.Duration - human
		result.Human = Amount{Duration: human, Known: true}
		result.Machine = Amount{Duration: max(0, machine), Known: true}
	}
	return result
}

type point struct {
	name    string
	instant Instant
}

func gapOf(from, to point, waits []Wait) Gap {
	gap := Gap{From: from.name, To: to.name, Total: span(from.instant, to.instant)}
	if !gap.Total.Known || from.name == "disrupted" {
		return gap
	}
	human := overlap(waits, from.instant.Corrected(), to.instant.Corrected())
	gap.Human = Amount{Duration: human, Known: true}
	gap.Machine = Amount{Duration: gap.Total.Duration - human, Known: true}
	return gap
}

// span is unknown when an instant is, or when they are in the wrong order by
// more than their clocks may be off; less than that counts as zero.
func span(from, to Instant) Amount {
	if !from.Known || !to.Known {
		return Amount{}
	}
	duration := to.Corrected().Sub(from.Corrected())
	if duration < 0 {
		return Amount{Known: -duration <= from.Uncertainty+to.Uncertainty}
	}
	return Amount{Duration: duration, Known: true}
}

// between measures from one instant to another and judges it.
func between(from, to point, objective Objective) Figure {
	figure := Figure{Amount: span(from.instant, to.instant), Objective: objective}
	switch {
	case !from.instant.Known:
		figure.Why = fmt.Sprintf("%q is not known", from.name)
	case !to.instant.Known:
		figure.Why = fmt.Sprintf("%q is not known", to.name)
	case !figure.Known:
		figure.Why = fmt.Sprintf("%q is recorded before %q", to.name, from.name)
	default:
		figure.Uncertainty = from.instant.Uncertainty + to.instant.Uncertainty
	}
	return figure.judged()
}

// judged sets the verdict. A figure is met only if it is met with all its
// uncertainty, and missed only if it is missed without it.
func (f Figure) judged() Figure {
	switch {
	case f.Objective.Any:
		f.Verdict = VerdictAccepted
	case !f.Known:
		f.Verdict = VerdictUnknown
	case f.Objective.Limit <= 0:
		f.Verdict = VerdictUnknown
		f.Why = cmp.Or(f.Why, "no objective is stated")
	case f.Duration+f.Uncertainty <= f.Objective.Limit:
		f.Verdict = VerdictMet
	case f.Duration-f.Uncertainty > f.Objective.Limit:
		f.Verdict = VerdictMissed
	default:
		f.Verdict = VerdictUnknown
		f.Why = cmp.Or(f.Why, "too close to the objective for the clocks' uncertainty")
	}
	return f
}

// merge returns the waits, and the decision to declare, as disjoint stretches in
// order. A wait without an end is still open and ends with the run.
func merge(waits []Wait, in Instants) []Wait {
	all := slices.Clone(waits)
	if in.Detected.Known && in.Declared.Known {
		all = append(all, Wait{From: in.Detected.Corrected(), To: in.Declared.Corrected()})
	}
	slices.SortFunc(all, func(a, b Wait) int { return a.From.Compare(b.From) })
	var merged []Wait
	for _, w := range all {
		if w.To.IsZero() {
			w.To = in.Verified.Corrected()
		}
		if !w.To.After(w.From) {
			continue
		}
		if last := len(merged) - 1; last >= 0 && !w.From.After(merged[last].To) {
			merged[last].To = latest(merged[last].To, w.To)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

// overlap returns how much of the disjoint waits lies between from and to.
func overlap(waits []Wait, from, to time.Time) time.Duration {
	var total time.Duration
	for _, w := range waits {
		begin, end := latest(w.From, from), w.To
		if end.After(to) {
			end = to
		}
		total += max(0, end.Sub(begin))
	}
	return total
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
