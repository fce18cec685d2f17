package main

import (
	"encoding/json"
	"fmt"
	"io"
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
	return align(a.out, written(human))
}

// paint is a terminal colour.
type paint string

const (
	green  paint = "32"
	yellow paint = "33"
	red    paint = "31"
	bold   paint = "1"
)

// color wraps text for standard output in p, on a terminal that wants it.
func (a *app) color(p paint, text string) string { return a.colorOn(a.out, p, text) }

// alert is color for standard error, which may go elsewhere.
func (a *app) alert(p paint, text string) string { return a.colorOn(a.err, p, text) }

func (a *app) colorOn(out io.Writer, p paint, text string) string {
	if a.noColor || !isTerminal(out) {
		return text
	}
	return fmt.Sprintf("\x1b[%sm%s\x1b[0m", p, text)
}

// terminal reports whether a person reads standard output as it comes.
func (a *app) terminal() bool { return isTerminal(a.out) }

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) // #nosec G115 -- a file descriptor fits
}
