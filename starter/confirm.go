package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// confirm asks a person to type yes. Whoever cannot be asked, or answers
// anything else, refuses.
func (a *app) confirm(question string) error {
	fmt.Fprintf(a.err, "\n%s Type yes: ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.err) // the question's line was not ended by an answer
	}
	return failure.New(failure.Refused, "not confirmed: nothing was changed").WithHint("type yes, or give --yes")
}
