package recovery

import "fmt"

// RPOInput is what the recovery point is measured from: data, never settings.
type RPOInput struct {
	Disrupted          Instant   `json:"disrupted"`
	NewestSurviving    Instant   `json:"newest_surviving"`    // newest heartbeat or file state read back after recovery
	NewestAcknowledged Instant   `json:"newest_acknowledged"` // newest one acknowledged to a client before the fence
	Objective          Objective `json:"objective"`
}

// RPO measures the recovery point achieved in two figures. They differ: a
// database damaged at 10:00 and fenced at 14:00 may reach its point to the
// second and still have lost four hours of work.
func RPO(in RPOInput) RPOResult {
	surviving := point{"newest surviving", in.NewestSurviving}
	return RPOResult{
		PointReached: distance(surviving, point{"disrupted", in.Disrupted}, in.Objective),
		WorkLost:     distance(surviving, point{"newest acknowledged", in.NewestAcknowledged}, in.Objective),
	}
}

// distance is between, except that data newer than the reference is no loss:
// after physical damage everything up to the fence may survive.
func distance(from, to point, objective Objective) Figure {
	figure := between(from, to, objective)
	if figure.Known || !from.instant.Known || !to.instant.Known {
		return figure
	}
	figure.Amount = Amount{Known: true}
	figure.Uncertainty = from.instant.Uncertainty + to.instant.Uncertainty
	figure.Verdict = ""
	figure.Why = fmt.Sprintf("data newer than %q survived", to.name)
	return figure.judged()
}

// HeartbeatInstant returns the instant a heartbeat stands for; nil is unknown.
func HeartbeatInstant(beat *Heartbeat, source string) Instant {
	if beat == nil || beat.At.IsZero() {
		return Instant{}
	}
	return Instant{At: beat.At.UTC(), Source: source, Known: true}
}
