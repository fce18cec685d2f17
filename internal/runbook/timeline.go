package runbook

import (
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"

	stored "github.com/terragonlabs/holdfast/activities/evidence"
)

const (
	// recentEntries are kept for the timeline query after their page was stored.
	recentEntries = 200
	// evidenceLock is how long pages and heads cannot be deleted by anybody.
	evidenceLock = 400 * 24 * time.Hour // more than a year: an annual audit sees them
)

// record completes e with time and phase and puts it on the timeline.
func (rb *Run) record(e evidence.Entry) evidence.Entry {
	e.At = rb.Now()
	if e.Phase == "" {
		e.Phase = rb.phaseName()
	}
	e = rb.chain.Append(e)
	rb.book.Head = rb.chain.Head()
	rb.recent = append(rb.recent, e)
	if len(rb.recent) > 2*recentEntries {
		rb.recent = slices.Clone(rb.recent[len(rb.recent)-recentEntries:])
	}
	return e
}

// Note puts something worth knowing on the timeline.
func (rb *Run) Note(title, detail string, data ...evidence.Pair) {
	rb.record(evidence.Entry{Kind: evidence.Note, Title: title, Detail: detail, Data: data})
}

// Check puts a validation and its result on the timeline.
func (rb *Run) Check(title, detail string, data ...evidence.Pair) {
	rb.record(evidence.Entry{Kind: evidence.CheckMade, Title: title, Detail: detail, Data: data})
}

// Finding records that something is wrong although the run goes on. Findings
// are in the Summary and in the report's issues.
func (rb *Run) Finding(title string) { rb.finding(title) }

func (rb *Run) finding(title string) {
	rb.book.Findings = append(rb.book.Findings, title)
	rb.record(evidence.Entry{Kind: evidence.Finding, Title: title})
}

// Moment is an instant of the time model that a workflow may set. Declared and
// Approved are the kit's.
type Moment string

// The moments.
const (
	Disrupted     Moment = "disrupted"
	Detected      Moment = "detected"
	Started       Moment = "started"
	DataRecovered Moment = "data-recovered"
	Serving       Moment = "serving"
	Verified      Moment = "verified"
)

// Instant sets a moment of the incident. A later change is an entry of its own.
func (rb *Run) Instant(m Moment, i recovery.Instant) {
	slot := rb.slot(m)
	if slot == nil || *slot == i {
		return
	}
	kind := evidence.InstantSet
	if slot.Known {
		kind = evidence.InstantEdited
	}
	*slot = i
	offset, uncertainty := i.ClockOffset.String(), i.Uncertainty.String()
	if !i.ClockKnown && comparesClocks(rb.ctx) {
		offset, uncertainty = "unknown", "unknown"
	}
	rb.record(evidence.Entry{Kind: kind, Title: string(m), Actor: i.Source, Data: []evidence.Pair{
		{Key: "at", Value: i.At.UTC().Format(time.RFC3339Nano)},
		{Key: "known", Value: strconv.FormatBool(i.Known)},
		{Key: "clock_offset", Value: offset},
		{Key: "uncertainty", Value: uncertainty},
	}})
}

// slot is where m is kept; nil for a moment that is not the workflow's to set.
func (rb *Run) slot(m Moment) *recovery.Instant {
	return map[Moment]*recovery.Instant{
		Disrupted: &rb.book.Instants.Disrupted, Detected: &rb.book.Instants.Detected, Started: &rb.book.Instants.Started,
		DataRecovered: &rb.book.Instants.DataRecovered, Serving: &rb.book.Instants.Serving, Verified: &rb.book.Instants.Verified,
	}[m]
}

// Happened sets a moment to now, by the workflow's clock. A moment happens once:
// a run that continues as new comes by here again, later, and changes nothing.
func (rb *Run) Happened(m Moment) {
	if slot := rb.slot(m); slot == nil || slot.Known {
		return
	}
	rb.Instant(m, recovery.Instant{At: rb.Now(), Source: "workflow", Known: true, ClockKnown: true})
}

// flush moves the timeline so far into the stores and locks its head. Stores
// that do not answer hold nothing up: the pages are kept and tried again at the
// next flush.
func (rb *Run) flush(phase string) {
	if len(rb.chain.Held()) > 0 {
		rb.book.Unstored = append(rb.book.Unstored, rb.chain.Cut())
	}
	until := rb.Now().Add(evidenceLock)
	for len(rb.book.Unstored) > 0 {
		in := stored.PageIn{Run: rb.id, Page: rb.book.Unstored[0], RetainUntil: until}
		if err := rb.store("Store timeline page", ActivityName(stored.Ref.PutPage), in, nil); err != nil {
			return
		}
		rb.book.Unstored = rb.book.Unstored[1:]
		rb.book.Pages++
	}
	in := stored.HeadIn{Run: rb.id, Phase: phase, Head: rb.chain.Head(), RetainUntil: until}
	rb.headKept = stored.Where{}
	if err := rb.store("Lock timeline head", ActivityName(stored.Ref.PutHead), in, &rb.headKept); err != nil {
		rb.finding("the timeline's head after phase " + phase + " was not locked: " + err.Error())
	}
}

// store calls one of the kit's own activities. It leaves no entry: the timeline
// cannot record its own storage.
func (rb *Run) store(title, activity string, in, out any) error {
	o := rb.table(Announce)
	ctx := withOptions(rb.ctx, o, o.Total, "", "", title)
	return boundary.In(workflow.ExecuteActivity(ctx, activity, in).Get(ctx, out))
}
