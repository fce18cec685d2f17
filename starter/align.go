package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// columnGap is the least space between two columns.
const columnGap = 2

// colourCode is a terminal's colour sequence, which takes no room on the screen.
var colourCode = regexp.MustCompile("\x1b\\[[0-9]*m")

func visibleWidth(cell string) int {
	return utf8.RuneCountInString(colourCode.ReplaceAllString(cell, ""))
}

// written returns what human writes, unaligned. A padding of single tabs of endless
// width passes every cell on as it came.
func written(human func(*tabwriter.Writer)) string {
	const endless = 1 << 20
	var text bytes.Buffer
	through := tabwriter.NewWriter(&text, 0, endless, 1, '\t', 0)
	human(through)
	_ = through.Flush() // into memory
	return text.String()
}

// align writes text with its tab-terminated cells in columns, as text/tabwriter
// does, which counts colours as letters. A column is a run of lines that have a
// cell in it.
func align(out io.Writer, text string) error {
	lines := strings.SplitAfter(text, "\n")
	rows := make([][]string, len(lines))
	for i, line := range lines {
		rows[i] = strings.Split(line, "\t")
	}
	column := 0
	for alignColumn(rows, column) {
		column++
	}
	var aligned strings.Builder
	for _, row := range rows {
		aligned.WriteString(strings.Join(row, ""))
	}
	_, err := io.WriteString(out, aligned.String())
	return err
}

// alignColumn pads one column's cells and reports whether there are any.
func alignColumn(rows [][]string, column int) (found bool) {
	for begin := 0; begin < len(rows); {
		end, width := begin, 0
		for ; end < len(rows) && len(rows[end]) > column+1; end++ {
			width = max(width, visibleWidth(rows[end][column]))
		}
		for _, row := range rows[begin:end] {
			row[column] += strings.Repeat(" ", width+columnGap-visibleWidth(row[column]))
			found = true
		}
		begin = max(end, begin+1)
	}
	return found
}
