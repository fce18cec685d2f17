package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/terragonlabs/holdfast/internal/recovery"
)

// Markdown returns the report as Markdown. The first six headings are those of
// the DR plan's test documentation template, word for word.
func Markdown(in Input) []byte {
	var out strings.Builder
	m := markdown{&out}
	m.line("# DR Test Report: %s", date(in.Run.Started))
	m.section("Test Objective", text(in.Objective))
	m.section("Test Scenario", text(in.Scenario))
	m.results(in)
	m.issues(in.Issues)
	m.list("Lessons Learned", in.Lessons, "None recorded.")
	m.list("Next Steps", in.NextSteps, "None recorded.")
	for _, t := range tables(in) {
		m.table(t)
	}
	m.line("\n---\n\nGenerated %s.", moment(in.GeneratedAt))
	return []byte(out.String())
}

type markdown struct{ out *strings.Builder }

func (m markdown) line(format string, args ...any) { fmt.Fprintf(m.out, format+"\n", args...) }

func (m markdown) section(title, body string) { m.line("\n## %s\n\n%s", title, body) }

func (m markdown) results(in Input) {
	rpo := fmt.Sprintf("point reached %s; work lost %s", judged(in.RPO.PointReached), judged(in.RPO.WorkLost))
	m.section("Test Results", fmt.Sprintf("- **RTO Achieved**: %s\n- **RPO Achieved**: %s\n- **Success Criteria Met**: %s",
		judged(in.RTO.Total), rpo, yesNo(Conclude(in).CriteriaMet)))
	m.line("- **Outcome**: %s%s", text(string(in.Run.Outcome)), prefixed(": ", text(in.Run.Detail)))
	m.line("- **Incident**: %s, %s", text(joined(", ", in.Incident.ID, in.Incident.Title, in.Incident.Severity)),
		text(joined(", ", in.Incident.Service, in.Incident.Priority, in.Incident.Scenario, in.Incident.System)))
	m.line("- **Human wait**: %s; **machine time**: %s; undetected: %s", amount(in.RTO.Human), amount(in.RTO.Machine), amount(in.RTO.Undetected))
}

// judged prints a figure with objective, verdict and what is to be said of it.
func judged(f recovery.Figure) string {
	return fmt.Sprintf("%s (%s, %s%s)", figure(f), objective(f.Objective), strings.ToLower(verdict(f.Verdict)), prefixed(": ", text(f.Why)))
}

func (m markdown) issues(issues []Issue) {
	if len(issues) == 0 {
		m.section("Issues Identified", "None.")
		return
	}
	m.line("\n## Issues Identified\n")
	for i, issue := range issues {
		m.line("%d. %s\n   - Severity: %s\n   - Impact: %s\n   - Resolution: %s", i+1, text(issue.Title),
			text(orDash(issue.Severity)), text(orDash(issue.Impact)), text(orDash(issue.Resolution)))
	}
}

func (m markdown) list(title string, items []string, none string) {
	if len(items) == 0 {
		m.section(title, none)
		return
	}
	m.line("\n## %s\n", title)
	for _, item := range items {
		m.line("- %s", text(item))
	}
}

func (m markdown) table(t table) {
	m.line("\n## %s\n", t.Title)
	if t.Lead != "" {
		m.line("%s\n", text(t.Lead))
	}
	m.line("| %s |\n|%s", strings.Join(t.Columns, " | "), strings.Repeat(" --- |", len(t.Columns)))
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = text(cell)
		}
		m.line("| %s |", strings.Join(cells, " | "))
	}
}

// text makes outside text one line that means nothing in Markdown or HTML.
func text(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var out strings.Builder
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar // control characters and direction overrides
		}
		if strings.ContainsRune("\\`*_[]<>|#~&", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
