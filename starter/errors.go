package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// problem is an error as -o json prints it, on standard error.
type problem struct {
	Class   failure.Class `json:"class"`
	Message string        `json:"message"`
	Field   string        `json:"field,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Exit    int           `json:"exit"`
}

// report prints err, which command ended with, for people or machines and returns
// the exit status. Whoever made the error knows best what to run next; where nobody
// said, the command's own help is.
func (a *app) report(err error, command string) int {
	err = boundary.In(err)
	class := failure.ClassOf(err)
	if class == failure.Unknown && isUsage(err) {
		class = failure.InvalidInput
	}
	p := problem{Class: class, Message: err.Error(), Hint: failure.HintOf(err), Exit: class.ExitCode()}
	if p.Hint == "" {
		p.Hint = command + " --help"
	}
	var classed *failure.Error
	for cause := err; errors.As(cause, &classed) && p.Field == ""; cause = classed.Cause {
		p.Field = classed.Field
	}
	if a.format == formatJSON {
		encoder := json.NewEncoder(a.err)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(p) // standard error is gone: the exit status still tells
		return p.Exit
	}
	fmt.Fprintf(a.err, "%s %s\n", a.alert(red, string(class)+":"), p.Message)
	if p.Hint != "" {
		fmt.Fprintf(a.err, "%s %s\n", a.alert(bold, "next:"), p.Hint)
	}
	return p.Exit
}

func missingFlag(name, hint string) error {
	return failure.Invalid("--"+name, "is needed").WithHint("%s", hint)
}
