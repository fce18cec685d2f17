package report

import (
	"fmt"
	"strings"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// table is a section that both the Markdown and the HTML show.
type table struct {
	Title   string
	Lead    string
	Columns []string
	Rows    [][]string
	Verdict int  // column that holds a verdict, -1 for none
	Long    bool // may run over pages and starts folded on screen
}

// tables returns the sections after the template's own, those with content only.
func tables(in Input) []table {
	all := []table{
		criteriaTable(in), instantTable(in), gapTable(in), gateTable(in), choiceTable(in), reachedTable(in), checkTable(in), lostTable(in),
		storeTable(in), repairTable(in), undoneTable(in), stepTable(in), timelineTable(in), provenanceTable(in),
	}
	var filled []table
	for _, t := range all {
		if len(t.Rows) > 0 {
			filled = append(filled, t)
		}
	}
	return filled
}

func criteriaTable(in Input) table {
	t := table{Title: "Success Criteria", Columns: []string{"Criterion", "Verdict", "Evidence"}, Verdict: 1}
	for _, c := range in.Criteria {
		t.Rows = append(t.Rows, []string{c.Title, verdict(c.Verdict), orDash(c.Evidence)})
	}
	return t
}

func instantTable(in Input) table {
	t := table{
		Title: "Instants", Columns: []string{"Instant", "At", "Source", "Clock offset", "Uncertainty"}, Verdict: -1,
		Lead: "The moments the recovery time is measured between. An instant nobody recorded is unknown; so is a clock nobody compared.",
	}
	add := func(name string, i recovery.Instant) {
		if !i.Known {
			t.Rows = append(t.Rows, []string{name, unknown, "–", "–", "–"})
			return
		}
		offset, uncertainty := unknown, unknown
		if i.ClockKnown {
			offset, uncertainty = duration(i.ClockOffset), duration(i.Uncertainty)
		}
		t.Rows = append(t.Rows, []string{name, moment(i.At), orDash(i.Source), offset, uncertainty})
	}
	add("Disrupted", in.Instants.Disrupted)
	add("Detected", in.Instants.Detected)
	add("Declared", in.Instants.Declared)
	add("Started", in.Instants.Started)
	for _, a := range in.Instants.Approved {
		add("Approved: "+a.Gate, a.Instant)
	}
	add("Data recovered", in.Instants.DataRecovered)
	add("Serving", in.Instants.Serving)
	add("Verified", in.Instants.Verified)
	return t
}

func gapTable(in Input) table {
	t := table{
		Title: "Where the Time Went", Columns: []string{"From", "To", "Total", "Human wait", "Machine time"}, Verdict: -1,
		Lead: fmt.Sprintf("Undetected %s, human wait %s, machine time %s.", amount(in.RTO.Undetected), amount(in.RTO.Human), amount(in.RTO.Machine)),
	}
	for _, g := range in.RTO.Gaps {
		human, machine := amount(g.Human), amount(g.Machine)
		if g.From == "disrupted" {
			human, machine = "–", "–" // nobody was working yet
		}
		t.Rows = append(t.Rows, []string{g.From, g.To, amount(g.Total), human, machine})
	}
	return t
}

func gateTable(in Input) table {
	t := table{Title: "Gates and Approvals", Columns: []string{"Gate", "Outcome", "Opened", "Waited", "Decisions"}, Verdict: -1}
	for _, g := range in.Gates {
		var decisions []string
		for _, a := range g.Approvals {
			text := fmt.Sprintf("%s (%s) %s at %s", a.Person, a.Role, a.Verdict, clock(a.At))
			if a.Key != "" {
				text += ", key " + a.Key
			}
			if a.Reason != "" {
				text += ": " + a.Reason
			}
			decisions = append(decisions, text)
		}
		outcome := fmt.Sprintf("%s, %d needed", g.Outcome, g.Quorum)
		title := g.Title
		if g.Shown != "" {
			title += ": " + g.Shown
		}
		t.Rows = append(t.Rows, []string{title, outcome, moment(g.Opened), took(g.Opened, g.Closed), orDash(strings.Join(decisions, "; "))})
	}
	return t
}

func choiceTable(in Input) table {
	t := table{Title: "Recovery Choice", Columns: []string{"What", "Value"}, Verdict: -1}
	if in.Choice == nil {
		return t
	}
	c := in.Choice
	t.Rows = [][]string{
		{"Target", c.Target.String()},
		{"Backup set", fmt.Sprintf("%s (%s, verified: %s), %s to %s on timeline %d", c.Set.ID, c.Set.Kind, c.Set.Verified, c.Set.StartLSN, c.Set.StopLSN, c.Set.Timeline)},
		{"System identifier", c.Set.SystemID.String()},
		{"Target timeline", fmt.Sprintf("%d (path %s)", c.TargetTimeline, pathText(c.TimelinePath))},
		{"Expected reach", fmt.Sprintf("%s, newest commit known %s (%s)", c.ExpectedReach.LSN, moment(c.ExpectedReach.Time), c.ExpectedReach.Basis)},
		{"Expected loss", amount(c.ExpectedLoss)},
		{"To fetch", size(c.BytesToFetch)},
		{"Estimated duration", amount(c.EstimatedDuration)},
	}
	for _, r := range c.Segments {
		first := c.SegmentSize.Name(wal.Segment{Timeline: r.Timeline, Number: r.First})
		last := c.SegmentSize.Name(wal.Segment{Timeline: r.Timeline, Number: r.Last})
		t.Rows = append(t.Rows, []string{"WAL proved", fmt.Sprintf("%s to %s (%d segments, in %s)", first, last, r.Count(), strings.Join(r.Stores, ", "))})
	}
	if c.TailUsed != nil {
		t.Rows = append(t.Rows, []string{"Streamed tail", fmt.Sprintf("up to %s, observed %s", c.TailUsed.ValidUpTo, moment(c.TailUsed.ObservedAt))})
	}
	for _, why := range c.Why {
		t.Rows = append(t.Rows, []string{"Why", why})
	}
	return t
}

func pathText(path wal.Path) string {
	var parts []string
	for _, s := range path {
		parts = append(parts, fmt.Sprintf("%d from %s", s.Timeline, s.Start))
	}
	return strings.Join(parts, ", ")
}

func reachedTable(in Input) table {
	t := table{Title: "Target Asked and Reached", Columns: []string{"Comparison", "Verdict", "Evidence"}, Verdict: 1}
	if in.Target.Title == "" && in.Reached == nil {
		return t
	}
	t.Rows = append(t.Rows, []string{orDash(in.Target.Title), verdict(in.Target.Verdict), orDash(in.Target.Evidence)})
	if r := in.Reached; r != nil {
		text := fmt.Sprintf("%s on timeline %d, last commit %s, system %s", r.LSN, r.Timeline, moment(r.LastCommitTime), r.SystemID)
		t.Rows = append(t.Rows, []string{"Reached", "–", text})
	}
	return t
}
