package recovery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// TestProposeAdmitsWhatWasNotSearched: with a part of the log unsearched, only a
// transaction known to have touched what is damaged, not after the disruption, passes
// for its beginning; no target is later than the reported disruption.
func TestProposeAdmitsWhatWasNotSearched(t *testing.T) {
	t.Parallel()
	beats := steady().Heartbeats
	found := recovery.Onset{Source: recovery.OnsetWAL, LSN: lsn(15.3), At: at(15.3), Timeline: 1, XID: 4711}
	named := found
	named.Named = []string{"an invariant that reads orders is broken"}
	page := recovery.Onset{Source: recovery.OnsetChecksum, At: at(12), Relation: "orders"}
	reached := recovery.Unsearched{Since: at(1), Disrupted: at(16), From: at(15), FromLSN: lsn(15)}
	tooLate := reached
	tooLate.Disrupted = at(14)
	cut := recovery.Unsearched{Since: at(1), Disrupted: at(16), From: at(1), Cut: 7}
	cutNamed := cut
	cutNamed.CutNamed = 2
	nothing := recovery.Unsearched{Since: at(1), Disrupted: at(16), Detail: "pg_wal is empty"}
	atCommit := recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(15.3), Timeline: 1}
	asReported := func(minute float64) recovery.Target {
		return recovery.Target{Kind: recovery.TargetTime, Time: at(minute)}
	}
	for name, tt := range map[string]struct {
		evidence []recovery.Onset
		gap      recovery.Unsearched
		want     recovery.Target
		admitted bool
		said     string
	}{
		"what is damaged was touched":    {[]recovery.Onset{named}, reached, atCommit, false, "the log was searched from " + lsn(15).String()},
		"anything may have been touched": {[]recovery.Onset{found}, reached, atCommit, true, "would stay in"},
		"after the disruption":           {[]recovery.Onset{named}, tooLate, asReported(14), true, "the log was searched from"},
		"nothing was read":               {[]recovery.Onset{named}, nothing, atCommit, true, "pg_wal is empty"},
		"others are too many":            {[]recovery.Onset{named}, cut, atCommit, false, "unknown: 7 more transactions"},
		"any may be among those":         {[]recovery.Onset{found}, cut, atCommit, true, "7 more transactions that destroy data"},
		"what touched it is too much":    {[]recovery.Onset{named}, cutNamed, atCommit, true, "7 more transactions that destroy data"},
		"a person's word":                {[]recovery.Onset{{Source: recovery.OnsetOperator, At: at(15.5)}}, reached, asReported(15.5), true, "--target-time"},
		"the log carries no damage":      {[]recovery.Onset{page}, nothing, recovery.Target{Kind: recovery.TargetLatest}, false, "was not searched"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := recovery.Propose(tt.evidence, beats, &tt.gap)
			if err != nil {
				t.Fatal(err)
			}
			if got.Target != tt.want || (got.Unsearched != nil) != tt.admitted || !strings.Contains(got.Why, tt.said) {
				t.Errorf("%+v", got)
			}
			if low := got.Confidence == recovery.ConfidenceLow; low != tt.admitted {
				t.Errorf("confidence is %s", got.Confidence)
			}
		})
	}
	_, err := recovery.Propose(nil, beats, &recovery.Unsearched{Disrupted: time.Now()})
	expect(t, err, failure.NotFound, "was not searched")
}
