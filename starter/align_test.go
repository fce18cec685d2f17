package main

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// TestColoursTakeNoRoom: with the colours taken out, a table is what tabwriter
// makes of it without them.
func TestColoursTakeNoRoom(t *testing.T) {
	t.Parallel()
	table := func(mark func(paint, string) string) func(*tabwriter.Writer) {
		return func(w *tabwriter.Writer) {
			fmt.Fprintf(w, "%s set\t20260301T001122Z\n", mark(green, "✓"))
			fmt.Fprintln(w, "kind\tfull")
			fmt.Fprintln(w, "SET\tVERDICT\tDEPTH\tPROBLEMS")
			fmt.Fprintf(w, "a\t%s\tread\t0\n", mark(green, "sound"))
			fmt.Fprintf(w, "longer\t%s\t\t12\n", mark(red, "not sound"))
			fmt.Fprintln(w)
			fmt.Fprintf(w, "%s one line by itself\n\tindented\tx\n", mark(bold, "!"))
		}
	}
	plain := func(_ paint, text string) string { return text }
	coloured := func(p paint, text string) string { return "\x1b[" + string(p) + "m" + text + "\x1b[0m" }
	var want, got strings.Builder
	reference := tabwriter.NewWriter(&want, 0, 4, columnGap, ' ', 0)
	table(plain)(reference)
	if err := reference.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := align(&got, written(table(coloured))); err != nil {
		t.Fatal(err)
	}
	if text := got.String(); colourCode.ReplaceAllString(text, "") != want.String() || !strings.Contains(text, coloured(red, "not sound")) {
		t.Errorf("got\n%s\nwant\n%s", text, want.String())
	}
}
