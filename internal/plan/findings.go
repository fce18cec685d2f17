package plan

import "strconv"

// Severity says whether a plan can be used in spite of a finding.
type Severity string

// Severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Position is a place in the plan's file, counted from 1; zero where unknown
// (a plan built in code).
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String returns file:line:column.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Finding is one thing wrong, or doubtful, in a plan.
type Finding struct {
	Severity Severity `json:"severity"`
	Position Position `json:"position"`
	Path     string   `json:"path"`              // as in services[0].rto
	Message  string   `json:"message"`           // what is wrong, and why it matters
	Fix      string   `json:"fix,omitempty"`     // what would be right
	Excerpt  string   `json:"excerpt,omitempty"` // the line it stands on, without secrets
}

// Findings in the order of the file.
type Findings []Finding

// Errors returns the findings that forbid using the plan.
func (f Findings) Errors() Findings { return f.of(Error) }

// Warnings returns the findings that do not.
func (f Findings) Warnings() Findings { return f.of(Warning) }

func (f Findings) of(severity Severity) Findings {
	var out Findings
	for _, finding := range f {
		if finding.Severity == severity {
			out = append(out, finding)
		}
	}
	return out
}
