package recovery_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/recovery"
)

func known(minutes float64) recovery.Instant {
	return recovery.Instant{At: at(minutes), Source: "test", Known: true}
}

func incident() recovery.Instants {
	return recovery.Instants{
		Disrupted: known(0), Detected: known(5), Declared: known(8), Started: known(8),
		DataRecovered: known(40), Serving: known(50), Verified: known(60),
	}
}

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

func TestRTOCountsEveryMinuteOnce(t *testing.T) {
	t.Parallel()
	waits := []recovery.Wait{
		{Reason: "restore gate", From: at(12), To: at(20)},
		{Reason: "restore gate, second approver", From: at(18), To: at(22)},
		{Reason: "cut-over gate", From: at(45), To: at(48)},
		{Reason: "before anybody knew", From: at(1), To: at(2)},
	}
	got := recovery.RTO(incident(), waits, recovery.Objective{Limit: 4 * time.Hour})
	if got.Total.Duration != time.Hour || got.Total.Verdict != recovery.VerdictMet {
		t.Errorf("total %s, %s", got.Total, got.Total.Verdict)
	}
	figures := []recovery.Amount{got.Undetected, got.Human, got.Machine}
	want := []recovery.Amount{{Duration: minutes(5), Known: true}, {Duration: minutes(16), Known: true}, {Duration: minutes(39), Known: true}}
	if diff := cmp.Diff(want, figures); diff != "" {
		t.Error(diff)
	}
	if len(got.Gaps) != 6 || got.Gaps[1].Human.Duration != minutes(3) || got.Gaps[3].Human.Duration != minutes(10) {
		t.Errorf("gaps %+v", got.Gaps)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change    func(*recovery.Instants)
		objective recovery.Objective
		want      recovery.Verdict
	}{
		"met":                          {nil, recovery.Objective{Limit: time.Hour}, recovery.VerdictMet},
		"missed":                       {nil, recovery.Objective{Limit: time.Hour - 1}, recovery.VerdictMissed},
		"not verified is not met":      {func(in *recovery.Instants) { in.Verified = recovery.Instant{} }, recovery.Objective{Limit: 9 * time.Hour}, recovery.VerdictUnknown},
		"disruption unknown":           {func(in *recovery.Instants) { in.Disrupted.Known = false }, recovery.Objective{Limit: 9 * time.Hour}, recovery.VerdictUnknown},
		"no objective":                 {nil, recovery.Objective{}, recovery.VerdictUnknown},
		"any value is acceptable":      {nil, recovery.Objective{Any: true}, recovery.VerdictAccepted},
		"too close for the clocks":     {func(in *recovery.Instants) { in.Verified.Uncertainty = time.Second }, recovery.Objective{Limit: time.Hour}, recovery.VerdictUnknown},
		"a clock that runs ahead":      {func(in *recovery.Instants) { in.Verified.ClockOffset = time.Minute }, recovery.Objective{Limit: 59 * time.Minute}, recovery.VerdictMet},
		"verified before disrupted":    {func(in *recovery.Instants) { in.Verified = known(-5) }, recovery.Objective{Limit: time.Hour}, recovery.VerdictUnknown},
		"detected before it happened?": {func(in *recovery.Instants) { in.Detected = known(-5) }, recovery.Objective{Limit: time.Hour}, recovery.VerdictMet},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := incident()
			if c.change != nil {
				c.change(&in)
			}
			got := recovery.RTO(in, nil, c.objective)
			if got.Total.Verdict != c.want {
				t.Errorf("%s (%s), want %s", got.Total.Verdict, got.Total.Why, c.want)
			}
			if c.want == recovery.VerdictUnknown && got.Total.Why == "" {
				t.Error("unknown without saying why")
			}
		})
	}
}

// The example of the time model: damaged at 10:00, fenced at 14:00.
func TestRPOHasTwoFigures(t *testing.T) {
	t.Parallel()
	in := recovery.RPOInput{Disrupted: known(60), NewestSurviving: known(60 - 1.0/60), NewestAcknowledged: known(300), Objective: recovery.Objective{Limit: time.Hour}}
	got := recovery.RPO(in)
	if got.PointReached.Verdict != recovery.VerdictMet || got.PointReached.Duration != time.Second {
		t.Errorf("point reached %s, %s", got.PointReached, got.PointReached.Verdict)
	}
	if got.WorkLost.Verdict != recovery.VerdictMissed || got.WorkLost.Duration != minutes(240)+time.Second {
		t.Errorf("work lost %s, %s", got.WorkLost, got.WorkLost.Verdict)
	}
	in.NewestSurviving = recovery.HeartbeatInstant(nil, "read back")
	got = recovery.RPO(in)
	if got.PointReached.Verdict != recovery.VerdictUnknown || got.WorkLost.Verdict != recovery.VerdictUnknown || got.WorkLost.String() != "unknown" {
		t.Errorf("nothing read back must be unknown: %+v", got)
	}
	in.NewestSurviving = known(120)
	if got = recovery.RPO(in); got.PointReached.Duration != 0 || got.PointReached.Verdict != recovery.VerdictMet || got.PointReached.Why == "" {
		t.Errorf("data newer than the disruption: %+v", got.PointReached)
	}
}

// Unknown is never met, and the parts always add up.
func TestTimeArithmeticProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		instant := func(name string) recovery.Instant {
			return recovery.Instant{At: at(rapid.Float64Range(0, 100).Draw(t, name)), Known: rapid.IntRange(0, 4).Draw(t, name+" known") > 0}
		}
		in := recovery.Instants{
			Disrupted: instant("disrupted"), Detected: instant("detected"), Declared: instant("declared"),
			Started: instant("started"), DataRecovered: instant("recovered"), Serving: instant("serving"), Verified: instant("verified"),
		}
		var waits []recovery.Wait
		for range rapid.IntRange(0, 4).Draw(t, "waits") {
			from := rapid.Float64Range(0, 100).Draw(t, "from")
			waits = append(waits, recovery.Wait{From: at(from), To: at(from + rapid.Float64Range(-5, 20).Draw(t, "length"))})
		}
		got := recovery.RTO(in, waits, recovery.Objective{Limit: time.Hour})
		if got.Total.Verdict == recovery.VerdictMet && (!in.Disrupted.Known || !in.Verified.Known) {
			t.Fatal("an unknown total is met")
		}
		if got.Human.Known && got.Undetected.Duration+got.Human.Duration+got.Machine.Duration != got.Total.Duration {
			t.Fatalf("%s + %s + %s is not %s", got.Undetected, got.Human, got.Machine, got.Total)
		}
	})
}
