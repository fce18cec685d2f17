package plan

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Render writes findings for a person at a terminal, each as
//
//	plan.yaml:12:9: error: what is wrong
//	  12 |     rpo: 1 hour
//	     |          ^
//	     = what would be right
//
// It is the only place that draws carets. The error is the writer's.
func (f Findings) Render(w io.Writer, colour bool) error {
	var out strings.Builder
	for _, finding := range f {
		finding.render(&out, colour)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

func (f Finding) render(out *strings.Builder, colour bool) {
	severity := string(f.Severity)
	if colour {
		paint := red
		if f.Severity == Warning {
			paint = yellow
		}
		severity = paint + severity + plain
	}
	where := f.Position.String()
	if f.Position.Line == 0 && f.Path != "" {
		where += " " + f.Path
	}
	fmt.Fprintf(out, "%s: %s: %s\n", printable(where), severity, printable(f.Message))
	margin := strings.Repeat(" ", len(fmt.Sprint(f.Position.Line)))
	if f.Excerpt != "" {
		fmt.Fprintf(out, "  %d | %s\n", f.Position.Line, f.Excerpt)
		fmt.Fprintf(out, "  %s | %s^\n", margin, strings.Repeat(" ", caretOffset(f)))
	}
	if f.Fix != "" {
		fmt.Fprintf(out, "  %s = %s\n", margin, printable(f.Fix))
	}
}

// caretOffset is the number of characters before the caret.
func caretOffset(f Finding) int {
	return max(0, min(f.Position.Column-1, utf8.RuneCountInString(f.Excerpt)))
}
