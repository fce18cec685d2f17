package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// RefusedError is how a command said no: what it prints with -o json on standard error.
type RefusedError struct {
	Class   failure.Class `json:"class"`
	Message string        `json:"message"`
	Field   string        `json:"field,omitempty"`
	Hint    string        `json:"hint,omitempty"`
	Exit    int           `json:"exit"`
}

// Error implements error.
func (r *RefusedError) Error() string {
	return fmt.Sprintf("starter: %s: %s (exit %d; next: %s)", r.Class, r.Message, r.Exit, r.Hint)
}

// Starter runs starter with -o json, as a user would, and decodes what it prints
// into into, which may be nil. A command that fails is a *RefusedError.
func (s *Scenario) Starter(ctx context.Context, into any, args ...string) error {
	s.options.Told("starter " + s.spoken(args))
	return answer(s.Command(ctx, "starter", append([]string{"--plan", s.PlanFile, "-o", "json"}, args...)...), into)
}

// TemporalCommand runs the temporal program, as a user would, and returns what it prints.
func (s *Scenario) TemporalCommand(ctx context.Context, args ...string) (string, error) {
	s.options.Told("temporal " + s.spoken(args))
	command := s.TemporalCLI(ctx, append(args, "--address", s.Stack.Temporal.Address)...)
	out, err := command.CombinedOutput()
	return string(out), failure.Wrap(failure.Unavailable, err, "temporal %s: %.1500s", strings.Join(args[:2], " "), out)
}

func answer(command *exec.Cmd, into any) error {
	var out, refused bytes.Buffer
	command.Stdout, command.Stderr = &out, &refused
	if err := command.Run(); err != nil {
		refusal := &RefusedError{Exit: command.ProcessState.ExitCode()}
		if json.Unmarshal(lastObject(refused.Bytes()), refusal) == nil && refusal.Message != "" {
			return refusal
		}
		return failure.Wrap(failure.Unknown, err, "%s: %.1500s %.1500s", command, refused.Bytes(), out.Bytes())
	}
	if into == nil {
		return nil
	}
	return failure.Wrap(failure.Internal, json.Unmarshal(out.Bytes(), into), "read what %s printed: %.500s", command, out.Bytes())
}

// lastObject is the JSON object a text ends with: progress may come before it.
func lastObject(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if at := bytes.LastIndex(text, []byte("\n{")); at >= 0 {
		return text[at:]
	}
	return text
}

// spoken joins words as a shell would read them, with the run directory short.
func (s *Scenario) spoken(args []string) string {
	words := make([]string, 0, len(args))
	for _, word := range args {
		word = strings.ReplaceAll(word, s.Dir, "$RUN")
		if strings.ContainsAny(word, " '\"{}") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
