package evidence

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// WriteTranscript writes the timeline as text for people: one entry a line, with
// the time since the first entry, grouped by phase, details and data below. It
// verifies nothing. Control characters are shown escaped, so that an entry
// cannot move the reader's terminal.
func WriteTranscript(w io.Writer, entries []Entry, head Head) error {
	t := transcript{w: w}
	t.printf("timeline of %s: %d entries, head %s\n", printable(head.Chain), head.Count, head.Hash)
	phase := ""
	for _, e := range entries {
		if e.Phase != phase {
			phase = e.Phase
			t.printf("\n%s\n", heading(phase))
		}
		t.entry(e, e.At.Sub(entries[0].At))
	}
	return t.err
}

// transcript keeps the first write error, so that the layout stays readable.
type transcript struct {
	w   io.Writer
	err error
}

func (t *transcript) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *transcript) entry(e Entry, since time.Duration) {
	t.printf("%5d  %s  %9s  %s  %-16s  %s\n", e.Seq, e.At.UTC().Format("2006-01-02 15:04:05.000Z"),
		"+"+clock(since), e.Kind.Mark(), printable(string(e.Kind)), printable(e.Title))
	if e.Actor != "" {
		t.detail("by", e.Actor)
	}
	if e.Target != "" {
		t.detail("on", e.Target)
	}
	for _, line := range strings.Split(e.Detail, "\n") {
		if line != "" {
			t.detail("", line)
		}
	}
	for _, pair := range e.Data {
		t.detail(pair.Key+" =", pair.Value)
	}
}

func (t *transcript) detail(label, text string) {
	t.printf("%66s%s\n", "", strings.TrimSpace(printable(label)+" "+printable(text)))
}

func heading(phase string) string {
	if phase == "" {
		return "(no phase)"
	}
	return printable(phase)
}

// clock prints a duration as 1:02:03 or 2:03, rounded down to the second.
func clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	seconds := int64(d / time.Second)
	if seconds >= 3600 {
		return fmt.Sprintf("%s%d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%s%d:%02d", sign, seconds/60, seconds%60)
}

// printable escapes everything that does not print, and direction overrides.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "\\u%04x", r)
		}
	}
	return out.String()
}

// Mark is one character that shows at a glance how an entry went.
func (k Kind) Mark() string {
	switch k {
	case StepSucceeded, GatePassed, GateApproved, UndoRan, LeaseTaken, RunFinished:
		return "✓"
	case StepFailed, GateRejected, UndoFailed, NotifyFailed, LeaseLost, StepAborted:
		return "✗"
	case Breach, Finding, GateExpired, GateEscalated, GateRefused, MessageRefused:
		return "!"
	case GateOpened, RunPaused:
		return "?"
	case PhaseEntered, PhaseLeft, RunStarted, RunResumed, Continued:
		return "»"
	default:
		return "·"
	}
}
