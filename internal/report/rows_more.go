package report

import (
	"fmt"
	"strings"

	"github.com/terragonlabs/holdfast/internal/evidence"
)

func checkTable(in Input) table {
	t := table{Title: "Checks", Columns: []string{"Check", "Verdict", "Expected", "Got"}, Verdict: 1}
	for _, c := range in.Checks {
		t.Rows = append(t.Rows, []string{c.Title, verdict(c.Verdict), orDash(c.Expected), orDash(c.Got)})
	}
	return t
}

func lostTable(in Input) table {
	t := table{
		Title: "Work Not Recovered", Columns: []string{"Table", "Inserts", "Updates", "Deletes", "Note"}, Verdict: -1,
		Lead: "Rows written after the target. The damaged cluster keeps them readable until it is released.",
	}
	for _, l := range in.Lost {
		t.Rows = append(t.Rows, []string{l.Table, count(l.Inserts), count(l.Updates), count(l.Deletes), orDash(l.Note)})
	}
	return t
}

func storeTable(in Input) table {
	t := table{Title: "Stores", Columns: []string{"Store", "Verdict", "Provider", "Detail"}, Verdict: 1}
	for _, s := range in.Stores {
		t.Rows = append(t.Rows, []string{s.Name, verdict(s.Verdict), s.Provider, orDash(s.Detail)})
	}
	return t
}

func repairTable(in Input) table {
	t := table{Title: "Repairs on the Way", Columns: []string{"At", "Repair", "Detail"}, Verdict: -1}
	for _, r := range in.Repairs {
		t.Rows = append(t.Rows, []string{moment(r.At), r.Title, orDash(r.Detail)})
	}
	return t
}

// undoneTable lists what was undone, in that order, and what could not be.
func undoneTable(in Input) table {
	t := table{
		Title: "What Was Undone", Columns: []string{"Undo", "Outcome", "At", "On", "Detail"}, Verdict: -1,
		Lead: "What the run had changed and did not keep, newest first.",
	}
	outcomes := map[evidence.Kind]string{evidence.UndoRan: "undone", evidence.UndoFailed: "NOT undone"}
	for _, e := range in.Timeline {
		if outcome, ok := outcomes[e.Kind]; ok {
			t.Rows = append(t.Rows, []string{e.Title, outcome, moment(e.At), orDash(e.Target), orDash(e.Detail)})
		}
	}
	return t
}

func stepTable(in Input) table {
	t := table{Title: "Phases and Steps", Columns: []string{"Phase or step", "Outcome", "Began", "Took", "Detail"}, Verdict: -1, Long: true}
	for _, p := range in.Phases {
		outcome := fmt.Sprintf("budget %s, %s", duration(p.Budget), used(p))
		t.Rows = append(t.Rows, []string{"PHASE " + p.Name, outcome, moment(p.Begin), took(p.Begin, p.End), orDash(p.Breach)})
		for _, s := range p.Steps {
			outcome := string(s.Outcome)
			if s.Attempts > 1 {
				outcome += fmt.Sprintf(" after %d attempts", s.Attempts)
			}
			t.Rows = append(t.Rows, []string{s.Title, outcome, moment(s.Begin), took(s.Begin, s.End), orDash(s.Detail)})
		}
	}
	return t
}

// used says how much of its budget a phase took.
func used(p Phase) string {
	d, known := span(p.Begin, p.End)
	switch {
	case !known:
		return "not ended"
	case p.Budget <= 0:
		return "no budget"
	}
	percent := 100 * float64(d) / float64(p.Budget)
	if percent < 1 {
		return "under 1 % used"
	}
	return fmt.Sprintf("%.0f %% used", percent)
}

func timelineTable(in Input) table {
	t := table{
		Title: "Timeline", Columns: []string{"#", "At", "Kind", "What", "By and on", "Detail"}, Verdict: -1, Long: true,
		Lead: fmt.Sprintf("Every entry's hash covers the one before it. Entry %d: %s.", in.Head.Count, in.Head.Hash),
	}
	for _, e := range in.Timeline {
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(e.Seq), moment(e.At), e.Kind.Mark() + " " + string(e.Kind), e.Title,
			orDash(joined(", ", e.Actor, e.Target)), orDash(joined("; ", e.Detail, pairs(e.Data))),
		})
	}
	return t
}

func provenanceTable(in Input) table {
	t := table{Title: "Provenance", Columns: []string{"What", "Value"}, Verdict: -1}
	t.Rows = [][]string{
		{"Plan", joined(", ", in.Plan.Title, in.Plan.Version)},
		{"Plan SHA-256", in.Plan.SHA256},
		{"Workflow", in.Run.Workflow},
		{"Workflow ID", in.Run.WorkflowID},
		{"Run ID", in.Run.RunID},
		{"Requested by", orDash(in.Run.Requester)},
		{"Timeline", in.Head.Chain},
		{"Timeline head", fmt.Sprintf("entry %d, %s", in.Head.Count, in.Head.Hash)},
		{"Head kept in", orUnknown(in.HeadKept)},
	}
	for _, v := range in.Versions {
		t.Rows = append(t.Rows, []string{v.Key, v.Value})
	}
	return t
}

func pairs(data []evidence.Pair) string {
	var parts []string
	for _, p := range data {
		parts = append(parts, p.Key+" = "+p.Value)
	}
	return strings.Join(parts, "; ")
}

// joined joins the parts that are not empty.
func joined(separator string, parts ...string) string {
	var filled []string
	for _, p := range parts {
		if p != "" {
			filled = append(filled, p)
		}
	}
	return strings.Join(filled, separator)
}
