package recovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// onsetSlack is how far two clocks' reports of one event may lie apart before
// they count as two events.
const onsetSlack = time.Second

// Propose turns evidence of damage into the target just before it began, with
// every other candidate and its loss. A person decides; this only proposes.
//
//   - Of several damaging transactions in the log the earliest counts; where some
//     touched what is named as damaged otherwise (Onset.Named), the earliest of
//     those. That there are others, earlier ones above all, which then stay done, is
//     part of why.
//   - A damaging record in the log gives an exact position: recovery stops just
//     before its commit, or before its first lock where that would be in the way.
//   - An invariant seen broken gives a bracket; the target is the last moment it
//     was seen good. If it was broken before the record in the log, the record is
//     not the beginning, and the earlier bracket is proposed.
//   - A person's word is a time, or a position.
//   - Where the log could not be read from gap.Since on (gap is not nil), a
//     transaction found in the rest need not be the beginning. The target is then
//     never later than the reported disruption; unless gap.hides says otherwise it is
//     of low confidence, and the proposal names the gap.
//   - Bad checksums alone mean bytes changed below the database. The log does not
//     carry that damage, so everything after a sound set can be replayed.
//
// Without evidence the error is NotFound.
func Propose(evidence []Onset, beats []Heartbeat, gap *Unsearched) (Proposal, error) {
	if gap != nil {
		evidence = withReport(evidence, gap.Disrupted)
	}
	candidates := candidatesFor(evidence, beats)
	if len(candidates) == 0 {
		return Proposal{}, noEvidence(gap)
	}
	slices.SortStableFunc(candidates, func(a, b Candidate) int {
		return cmp.Or(compareKnown(a.Onset.At, b.Onset.At), cmp.Compare(a.Onset.LSN, b.Onset.LSN), cmp.Compare(a.Confidence.rank(), b.Confidence.rank()))
	})
	chosen := choose(candidates)
	proposal := Proposal{Candidate: candidates[chosen]}
	proposal.Alternatives = slices.Delete(candidates, chosen, chosen+1)
	proposal.Why += proposal.besides()
	proposal.admit(gap)
	return proposal, nil
}

// withReport adds the reported disruption to evidence of logical damage, where
// nothing of it is a person's word: what was found in a part of the log may be later
// than the beginning.
func withReport(evidence []Onset, disrupted time.Time) []Onset {
	logical, told := false, false
	for _, onset := range evidence {
		logical = logical || onset.Source != OnsetChecksum
		told = told || onset.Source == OnsetOperator
	}
	if !logical || told || disrupted.IsZero() {
		return evidence
	}
	return append(slices.Clone(evidence), Onset{Source: OnsetOperator, At: disrupted, Detail: "the moment of disruption as reported"})
}

// admit says of a proposal what it does not know.
func (p *Proposal) admit(gap *Unsearched) {
	if gap == nil {
		return
	}
	p.Why += ". What came before is unknown: " + gap.text()
	if !gap.hides(p.Onset) {
		return
	}
	p.Unsearched, p.Confidence = gap, ConfidenceLow
	p.Why += ". The damage may have begun there, before this target, and would stay in. " +
		"Where you know of an earlier moment at which all was well, reject this and start again with its --target-time"
}

func noEvidence(gap *Unsearched) error {
	why := "no evidence says when the damage began"
	if gap != nil {
		why += ": " + gap.text()
	}
	return failure.New(failure.NotFound, "%s", why).WithHint("name the target yourself: --target-time, --target-lsn, --target-name or --latest")
}

func candidatesFor(evidence []Onset, beats []Heartbeat) (candidates []Candidate) {
	for _, onset := range evidence {
		onset = located(onset, beats)
		if candidate, ok := candidateFor(onset); ok {
			candidate.ExpectedLoss = lossAt(candidate.Target, beats)
			candidates = append(candidates, candidate)
		}
	}
	return candidates
}

// besides says why this transaction of several was chosen, and what to do where
// another one did the damage.
func (p Proposal) besides() (text string) {
	if len(p.Onset.Named) > 0 {
		text = ". What it touched is named otherwise: " + strings.Join(p.Onset.Named, "; ")
	}
	others, earlier := 0, 0
	for _, other := range p.Alternatives {
		if other.Onset.Source == OnsetWAL {
			others++
		}
		if other.Onset.Source == OnsetWAL && other.Onset.LSN < p.Onset.LSN {
			earlier++
		}
	}
	if others == 0 {
		return text
	}
	return text + fmt.Sprintf(". %d other transactions may have done damage: see alternatives. %d of them are earlier, and stay done. "+
		"To recover to before another one, reject this and start again with its --target-lsn", others, earlier)
}

// located fills in the time of a position from the heartbeats around it.
func located(onset Onset, beats []Heartbeat) Onset {
	if onset.LSN == 0 || !onset.At.IsZero() {
		return onset
	}
	for _, beat := range beats {
		sameWay := onset.Timeline == 0 || onset.Timeline == beat.Timeline
		if sameWay && beat.LSN >= onset.LSN && (onset.At.IsZero() || beat.At.Before(onset.At)) {
			onset.At = beat.At
		}
	}
	return onset
}

func candidateFor(onset Onset) (Candidate, bool) {
	c := Candidate{Onset: onset}
	switch {
	case onset.Source == OnsetChecksum:
		c.Target = Target{Kind: TargetLatest, Timeline: onset.Timeline}
		c.Confidence = ConfidenceMedium
		c.Why = "bytes changed below the database; the log does not carry that damage, so replay over a sound set loses nothing the archive has"
	case onset.LSN != 0:
		c.Target = Target{Kind: TargetLSN, LSN: onset.LSN, Timeline: onset.Timeline}
		c.Confidence = ConfidenceMedium
		if onset.Source == OnsetWAL {
			c.Confidence = ConfidenceHigh
		}
		c.Why = fmt.Sprintf("the damaging transaction commits at %s; recovery stops just before it", onset.LSN)
		if onset.Commit != 0 {
			c.Why = fmt.Sprintf("the damaging transaction takes its first lock at %s and commits at %s; recovery stops just before the lock, "+
				"for a copy in which it is held cannot be checked. What others committed in between is lost too", onset.LSN, onset.Commit)
		}
	case !onset.LastGood.IsZero():
		c.Target = Target{Kind: TargetTime, Time: onset.LastGood.UTC(), Inclusive: true, Timeline: onset.Timeline}
		c.Confidence = ConfidenceMedium
		c.Why = fmt.Sprintf("last seen good at %s, seen broken at %s", timeText(onset.LastGood), timeText(onset.At))
	case !onset.At.IsZero():
		c.Target = Target{Kind: TargetTime, Time: onset.At.UTC(), Timeline: onset.Timeline}
		c.Confidence = ConfidenceLow
		c.Why = "seen broken at " + timeText(onset.At) + "; it may have begun earlier"
	default:
		return c, false
	}
	return c, true
}

// choose returns the index of the candidate to propose: candidates are sorted,
// earliest evidence first. Where some transactions are named, the others do not count.
func choose(candidates []Candidate) int {
	named := slices.ContainsFunc(candidates, func(c Candidate) bool { return len(c.Onset.Named) > 0 })
	counts := func(c Candidate) bool {
		return c.Onset.Source != OnsetChecksum && (!named || c.Onset.Source != OnsetWAL || len(c.Onset.Named) > 0)
	}
	logical := slices.IndexFunc(candidates, counts)
	if logical < 0 {
		return 0
	}
	earliest := candidates[logical].Onset.At
	for i, c := range candidates {
		exact := counts(c) && c.Onset.Source == OnsetWAL && c.Target.Kind == TargetLSN
		if exact && (earliest.IsZero() || c.Onset.At.IsZero() || !c.Onset.At.After(earliest.Add(onsetSlack))) {
			return i
		}
	}
	return logical
}

// lossAt is the newest heartbeat minus the target; unknown for "latest", which
// depends on what the archive holds.
func lossAt(target Target, beats []Heartbeat) Amount {
	var newest, kept time.Time
	for _, beat := range beats {
		newest = latest(newest, beat.At)
		if target.Kind == TargetLSN && beat.LSN <= target.LSN && (target.Timeline == 0 || beat.Timeline == target.Timeline) {
			kept = latest(kept, beat.At)
		}
	}
	if target.Kind == TargetTime {
		kept = target.Time
	}
	if newest.IsZero() || kept.IsZero() {
		return Amount{}
	}
	return Amount{Duration: max(0, newest.Sub(kept)), Known: true}
}

// compareKnown orders times, unknown ones last.
func compareKnown(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

func (c Confidence) rank() int {
	return slices.Index([]Confidence{ConfidenceHigh, ConfidenceMedium, ConfidenceLow}, c)
}
