package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// The table stands between these lines of the document.
const (
	begin = "<!-- faults: begin -->"
	end   = "<!-- faults: end -->"
)

const head = "| fault | what happened | seen by | test |\n|---|---|---|---|\n"

// Row is one fault and what came of it.
type Row struct {
	Fault    string `json:"fault"`
	Happened string `json:"happened"`
	Evidence string `json:"evidence"`
	Test     string `json:"test"`
}

// Append adds a row to file, one JSON object a line.
func Append(file string, row Row) error {
	line, err := json.Marshal(row)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "write a row as JSON")
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "open %s", file)
	}
	_, err = out.Write(append(line, '\n'))
	if closing := out.Close(); err == nil {
		err = closing
	}
	return failure.Wrap(failure.Unavailable, err, "append to %s", file)
}

// Read returns the rows of file.
func Read(file string) ([]Row, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, failure.Wrap(failure.NotFound, err, "read the rows")
	}
	var rows []Row
	for line := range bytes.Lines(text) {
		var row Row
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, failure.Wrap(failure.Corrupt, err, "read the rows of %s", file)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Document returns text with the table between the markers made of rows; the rest
// stays as it is. A fault that several tests played has one line, and in it a line of
// its own for each test; of what one test says twice the first stands.
func Document(text string, rows []Row) (string, error) {
	before, _, after, err := split(text)
	if err != nil {
		return "", err
	}
	var order []string
	played := map[string][]Row{}
	for _, row := range rows {
		same := func(other Row) bool { return other.Test == row.Test }
		if played[row.Fault] == nil {
			order = append(order, row.Fault)
		}
		if !slices.ContainsFunc(played[row.Fault], same) {
			played[row.Fault] = append(played[row.Fault], row)
		}
	}
	var table strings.Builder
	table.WriteString(head)
	for _, fault := range order {
		var happened, evidence, tests []string
		for _, row := range played[fault] {
			test, _, _ := strings.Cut(row.Test, "/")
			happened, evidence, tests = append(happened, cell(row.Happened)), append(evidence, cell(row.Evidence)), append(tests, "`"+test+"`")
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", cell(fault), join(happened), join(evidence), join(tests))
	}
	return before + begin + "\n" + table.String() + end + after, nil
}

// join puts lines into one cell, each once.
func join(lines []string) string { return strings.Join(slices.Compact(lines), "<br>") }

// Faults returns the first column of the document's table.
func Faults(text string) (faults []string, err error) {
	_, table, _, err := split(text)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(strings.TrimPrefix(table, head)) {
		if cells := strings.SplitN(line, " | ", 2); len(cells) == 2 {
			faults = append(faults, strings.TrimPrefix(cells[0], "| "))
		}
	}
	return faults, nil
}

func split(text string) (before, table, after string, err error) {
	before, rest, found := strings.Cut(text, begin+"\n")
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", "", "", failure.New(failure.Corrupt, "the document lacks the markers %s and %s", begin, end)
	}
	return before, table, after, nil
}

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}
