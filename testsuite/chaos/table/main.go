// Table writes the table of docs/faults.md from the rows that the tests of chaos
// left: table ROWS DOCUMENT.
package main

import (
	"fmt"
	"os"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/chaos/record"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1) //nolint:forbidigo // main ends the process
	}
}

func write(args []string) error {
	if len(args) != 2 {
		return failure.New(failure.InvalidInput, "table ROWS DOCUMENT").WithHint("make chaos")
	}
	rows, err := record.Read(args[0])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "read the document")
	}
	changed, err := record.Document(string(text), rows)
	if err != nil {
		return err
	}
	return failure.Wrap(failure.Forbidden, os.WriteFile(args[1], []byte(changed), 0o644), "write the document")
}
