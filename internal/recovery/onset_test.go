package recovery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TestProposeSaysWhereItStops: a transaction that drops a table is left out from its
// first lock on, which is earlier than its commit, and the approver reads so.
func TestProposeSaysWhereItStops(t *testing.T) {
	t.Parallel()
	onset := recovery.Onset{Source: recovery.OnsetWAL, LSN: lsn(15.3), Timeline: 1}
	for commit, words := range map[wal.LSN][]string{
		0:         {"commits at " + lsn(15.3).String(), "just before it"},
		lsn(15.9): {"first lock at " + lsn(15.3).String(), "commits at " + lsn(15.9).String(), "in between is lost"},
	} {
		onset.Commit = commit
		got, err := recovery.Propose([]recovery.Onset{onset}, steady().Heartbeats, nil)
		if err != nil || got.Target.LSN != lsn(15.3) {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, word := range words {
			if !strings.Contains(got.Why, word) {
				t.Errorf("%q does not say %q", got.Why, word)
			}
		}
	}
}

func TestPropose(t *testing.T) {
	t.Parallel()
	beats := steady().Heartbeats
	damaging := recovery.Onset{Source: recovery.OnsetWAL, LSN: lsn(15.3), Timeline: 1, XID: 4711, Relation: "orders"}
	unrelated := recovery.Onset{Source: recovery.OnsetWAL, At: at(14), LSN: lsn(14), Timeline: 1, XID: 4700}
	named := damaging
	named.Named = []string{"an invariant that reads orders is broken"}
	broken := recovery.Onset{Source: recovery.OnsetInvariant, LastGood: at(14.9), At: at(16.1)}
	earlier := recovery.Onset{Source: recovery.OnsetInvariant, LastGood: at(13), At: at(13.4)}
	page := recovery.Onset{Source: recovery.OnsetChecksum, At: at(12), Relation: "orders"}
	word := recovery.Onset{Source: recovery.OnsetOperator, At: at(15)}
	cases := map[string]struct {
		evidence []recovery.Onset
		want     recovery.Target
		loss     recovery.Amount
	}{
		"the log names the commit": {
			[]recovery.Onset{broken, damaging},
			recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(15.3), Timeline: 1},
			recovery.Amount{Duration: minutes(6.5), Known: true},
		},
		"the earliest in the log": {
			[]recovery.Onset{damaging, unrelated},
			recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(14), Timeline: 1},
			recovery.Amount{Duration: minutes(7.5), Known: true},
		},
		"the one that is named, not the earliest": {
			[]recovery.Onset{unrelated, named},
			recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(15.3), Timeline: 1},
			recovery.Amount{Duration: minutes(6.5), Known: true},
		},
		"broken before the named one": {
			[]recovery.Onset{named, unrelated, earlier},
			recovery.Target{Kind: recovery.TargetTime, Time: at(13), Inclusive: true},
			recovery.Amount{Duration: minutes(8.5), Known: true},
		},
		"broken before the log says so": {
			[]recovery.Onset{damaging, earlier},
			recovery.Target{Kind: recovery.TargetTime, Time: at(13), Inclusive: true},
			recovery.Amount{Duration: minutes(8.5), Known: true},
		},
		"only bad pages": {[]recovery.Onset{page}, recovery.Target{Kind: recovery.TargetLatest}, recovery.Amount{}},
		"bad pages and a bad migration": {
			[]recovery.Onset{page, damaging},
			recovery.Target{Kind: recovery.TargetLSN, LSN: lsn(15.3), Timeline: 1},
			recovery.Amount{Duration: minutes(6.5), Known: true},
		},
		"a person's word": {[]recovery.Onset{word}, recovery.Target{Kind: recovery.TargetTime, Time: at(15)}, recovery.Amount{Duration: minutes(6.5), Known: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := recovery.Propose(c.evidence, beats, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Target != c.want || got.ExpectedLoss != c.loss || got.Why == "" || len(got.Alternatives) != len(c.evidence)-1 {
				t.Errorf("%+v", got)
			}
			if err := got.Target.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
	_, err := recovery.Propose([]recovery.Onset{{Source: recovery.OnsetOperator}}, beats, nil)
	expect(t, err, failure.NotFound, "no evidence")
}

func TestContinuity(t *testing.T) {
	t.Parallel()
	next := func(change func(*recovery.Heartbeat)) []recovery.Heartbeat {
		a, b := beat(1, 10), beat(1, 10)
		b.Sequence, b.At, b.LSN = a.Sequence+1, a.At.Add(time.Second), a.LSN+100
		change(&b)
		return []recovery.Heartbeat{a, b}
	}
	cases := map[string]struct {
		change func(*recovery.Heartbeat)
		want   recovery.ContinuityKind
	}{
		"as it should be":  {func(*recovery.Heartbeat) {}, ""},
		"gap":              {func(b *recovery.Heartbeat) { b.Sequence += 3 }, recovery.HeartbeatGap},
		"silence":          {func(b *recovery.Heartbeat) { b.At = b.At.Add(time.Minute) }, recovery.HeartbeatSilence},
		"duplicate":        {func(b *recovery.Heartbeat) { b.Sequence-- }, recovery.HeartbeatDuplicate},
		"backwards":        {func(b *recovery.Heartbeat) { b.LSN = 1 }, recovery.HeartbeatBackwards},
		"another cluster":  {func(b *recovery.Heartbeat) { b.SystemID++ }, recovery.HeartbeatSystemID},
		"recovered":        {func(b *recovery.Heartbeat) { b.Incarnation, b.Sequence = "b", 1 }, recovery.HeartbeatIncarnation},
		"another timeline": {func(b *recovery.Heartbeat) { b.Timeline = 2 }, recovery.HeartbeatTimeline},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := recovery.Continuity(next(c.change), 5*time.Second)
			if c.want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || got[0].Kind != c.want || got[0].Detail == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
