package plan

import (
	"fmt"
	"sort"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// reader collects what is wrong with one plan, with the place of each value.
type reader struct {
	name      string
	lines     []string
	positions map[string]Position
	findings  Findings
}

func newReader(name string, raw []byte) *reader {
	return &reader{name: name, lines: strings.Split(string(raw), "\n"), positions: map[string]Position{}}
}

// at is the position of a token.
func (r *reader) at(tok *token.Token) Position {
	if tok == nil || tok.Position == nil {
		return Position{File: r.name}
	}
	return Position{File: r.name, Line: tok.Position.Line, Column: tok.Position.Column}
}

// fail records an error and returns it, so that the caller may cut its excerpt.
func (r *reader) fail(at Position, path, message, fix string) *Finding {
	return r.add(Error, at, path, message, fix)
}

func (r *reader) add(severity Severity, at Position, path, message, fix string) *Finding {
	if at.File == "" {
		at.File = r.name
	}
	finding := Finding{Severity: severity, Position: at, Path: path, Message: message, Fix: fix}
	finding.Excerpt = r.excerpt(at)
	r.findings = append(r.findings, finding)
	return &r.findings[len(r.findings)-1]
}

// errorf records an error at a path of the plan.
func (r *reader) errorf(path, fix, format string, args ...any) *Finding {
	return r.add(Error, r.locate(path), path, fmt.Sprintf(format, args...), fix)
}

// warnf records a warning at a path of the plan.
func (r *reader) warnf(path, fix, format string, args ...any) {
	r.add(Warning, r.locate(path), path, fmt.Sprintf(format, args...), fix)
}

// locate finds the place of path, or of the nearest value that holds it.
func (r *reader) locate(path string) Position {
	for path != "" {
		if at, ok := r.positions[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return Position{File: r.name}
}

const maxExcerpt = 200 // bytes of a line shown with a finding

func (r *reader) excerpt(at Position) string {
	if at.Line < 1 || at.Line > len(r.lines) {
		return ""
	}
	line := printable(strings.TrimRight(r.lines[at.Line-1], "\r"))
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "")
	}
	return line
}

// printable replaces control characters, so that a hostile plan cannot drive
// the terminal of the person who checks it.
func printable(line string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\t':
			return ' '
		case c < 0x20, c >= 0x7f && c < 0xa0:
			return '?'
		default:
			return c
		}
	}, line)
}

// done returns the findings in the order of the file, at most maxFindings.
func (r *reader) done() Findings {
	sort.SliceStable(r.findings, func(i, j int) bool {
		a, b := r.findings[i].Position, r.findings[j].Position
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	if len(r.findings) <= maxFindings {
		return r.findings
	}
	rest := len(r.findings) - maxFindings
	more := Finding{
		Severity: Error, Position: Position{File: r.name},
		Message: fmt.Sprintf("and %d more", rest), Fix: "mend these first",
	}
	return append(r.findings[:maxFindings:maxFindings], more)
}
