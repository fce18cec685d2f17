package observe

import (
	"strconv"
	"time"
)

// Bounds are how much worse than its baseline a server may be.
type Bounds struct {
	MinTPSRatio   float64       // of the baseline's throughput; 0.8: at least 80 %
	MaxP95Ratio   float64       // of the baseline's latency; 1.5: at most half as much again
	MaxReplicaLag time.Duration // absolute
	MinSamples    int           // fewer probes than this tell nothing about a 95th percentile
	MinOver       time.Duration // a shorter time tells nothing about throughput
}

// Status is a verdict. The zero value is not one.
type Status string

// The verdicts.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Unknown Status = "unknown"
)

// Verdict is one comparison.
type Verdict struct {
	Name   string `json:"name"` // throughput, latency, replication
	Status Status `json:"status"`
	Got    string `json:"got,omitempty"`
	Want   string `json:"want,omitempty"`
	Detail string `json:"detail,omitempty"` // why unknown or failed; of throughput, what it was compared with
}

// Judge compares purely. Without a baseline nothing is known to be well; only a
// query that fails is known to be bad.
func Judge(now Performance, baseline Baseline, bounds Bounds) []Verdict {
	return []Verdict{judgeTPS(now, baseline, bounds), judgeP95(now, baseline.Watched, bounds), judgeReplication(now, baseline.Watched, bounds)}
}

const noBaseline = "there is no baseline to compare with"

func judgeTPS(now Performance, baseline Baseline, bounds Bounds) Verdict {
	v := Verdict{Name: "throughput", Got: tps(now.TPS)}
	before, source, unknown := baseline.tps()
	switch {
	case now.TPSUnknown != "":
		v.Got = ""
		return v.unknown(now.TPSUnknown)
	case unknown != "":
		return v.unknown(unknown)
	case now.Over <= 0 || now.Over < bounds.MinOver:
		return v.unknown("watched for " + now.Over.String() + " only")
	}
	floor := before * bounds.MinTPSRatio
	v.Want = "at least " + tps(floor)
	v.Detail = "the baseline is " + tps(before) + ", " + source
	return v.when(now.TPS >= floor, v.Detail)
}

func judgeP95(now Performance, baseline *Performance, bounds Bounds) Verdict {
	v := Verdict{Name: "latency", Got: now.P95.String()}
	if now.ProbeErrors > 0 {
		return v.when(false, strconv.Itoa(now.ProbeErrors)+" of "+strconv.Itoa(now.ProbeErrors+now.Samples)+" queries failed, first: "+now.ProbeError)
	}
	switch {
	case now.Samples < max(bounds.MinSamples, 1):
		return v.unknown(strconv.Itoa(now.Samples) + " samples only")
	case baseline == nil:
		return v.unknown(noBaseline)
	case baseline.P95 <= 0:
		return v.unknown("the baseline has no latency")
	}
	ceiling := time.Duration(float64(baseline.P95) * bounds.MaxP95Ratio)
	v.Want = "at most " + ceiling.String()
	return v.when(now.P95 <= ceiling, "the baseline is "+baseline.P95.String())
}

// judgeReplication: replicas that are gone have no lag to measure, so they are
// counted first.
func judgeReplication(now Performance, baseline *Performance, bounds Bounds) Verdict {
	v := Verdict{Name: "replication", Got: now.ReplicaLag.String() + " behind, " + strconv.Itoa(now.Replicas) + " streaming"}
	switch {
	case baseline == nil:
		return v.unknown(noBaseline)
	case now.LagSamples == 0:
		return v.unknown("replication was not looked at")
	}
	v.Want = "at most " + bounds.MaxReplicaLag.String() + " behind, " + strconv.Itoa(baseline.Replicas) + " streaming"
	switch {
	case now.LagUnknown != "" && now.ReplicaLag <= bounds.MaxReplicaLag:
		return v.unknown(now.LagUnknown)
	case now.FewestSeen < baseline.Replicas:
		return v.when(false, "at some time only "+strconv.Itoa(now.FewestSeen)+" were streaming")
	}
	return v.when(now.ReplicaLag <= bounds.MaxReplicaLag, "the lag is too great")
}

func (v Verdict) unknown(why string) Verdict {
	v.Status, v.Detail = Unknown, why
	return v
}

func (v Verdict) when(good bool, otherwise string) Verdict {
	if good {
		v.Status = Passed
		return v
	}
	v.Status, v.Detail = Failed, otherwise
	return v
}

func tps(value float64) string { return strconv.FormatFloat(value, 'f', 1, 64) + "/s" }
