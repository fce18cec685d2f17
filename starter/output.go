package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	formatTable = "table"
	formatJSON  = "json"
)

func (a *app) checkFormat() error {
	if a.format != formatTable && a.format != formatJSON {
		return failure.Invalid("output", "%.40q is neither table nor json", a.format)
	}
	return nil
}

// print writes value as JSON, or lets human write it for people.
func (a *app) print(value any, human func(*tabwriter.Writer)) error {
	if a.format == formatJSON {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	table := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	human(table)
	return table.Flush()
}

// paint is a terminal colour.
type paint string

const (
	green  paint = "32"
	yellow paint = "33"
	red    paint = "31"
	bold   paint = "1"
)

// color wraps text in p on a terminal that wants it.
func (a *app) color(p paint, text string) string {
	if !a.terminal() || a.noColor {
		return text
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", p, text)
}

// terminal reports whether a person reads the output as it comes.
func (a *app) terminal() bool {
	file, ok := a.out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) // #nosec G115 -- a file descriptor fits
}
