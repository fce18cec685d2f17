package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table prints packages by majors. What a major lacks is explained below it.
func table(chosen []suite, columns []column) string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := []string{"package"}
	for _, c := range columns {
		head = append(head, c.on.Major.String())
	}
	_, _ = fmt.Fprintln(out, strings.Join(head, "\t")) // into memory
	for i, s := range chosen {
		cells := []string{s.name}
		for _, c := range columns {
			cells = append(cells, c.outcomes[i].String())
		}
		_, _ = fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	_ = out.Flush()
	for _, c := range columns {
		if len(c.on.Missing) > 0 {
			fmt.Fprintf(&text, "not run on %s, which lacks: %s\n", c.on.Major, strings.Join(c.on.Missing, ", "))
		}
		if len(c.on.Lent) > 0 {
			fmt.Fprintf(&text, "of another major on %s: %s\n", c.on.Major, strings.Join(c.on.Lent, ", "))
		}
	}
	return text.String()
}

func (o outcome) String() string {
	switch {
	case len(o.lacks) > 0:
		return "not run"
	case o.passed:
		return "ok " + o.took
	}
	return "FAIL"
}

func failures(columns []column) int {
	count := 0
	for _, c := range columns {
		for _, o := range c.outcomes {
			if !o.passed && len(o.lacks) == 0 {
				count++
			}
		}
	}
	return count
}
