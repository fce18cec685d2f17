package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func testApp() *app {
	return &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, format: formatTable}
}

// everyCommand walks the tree, without what cobra adds by itself.
func everyCommand(command *cobra.Command, visit func(*cobra.Command)) {
	visit(command)
	for _, child := range command.Commands() {
		everyCommand(child, visit)
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	everyCommand(testApp().root(), func(command *cobra.Command) {
		if command.Short == "" {
			t.Errorf("%s: no short help", command.CommandPath())
		}
		if !command.HasParent() || command.Name() == "exit-codes" {
			return
		}
		if command.Example == "" {
			t.Errorf("%s: no example", command.CommandPath())
		}
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Usage == "" {
				t.Errorf("%s: --%s is not explained", command.CommandPath(), flag.Name)
			}
		})
	})
}

// An example that does not parse teaches the wrong thing.
func TestEveryExampleParses(t *testing.T) {
	t.Parallel()
	everyCommand(testApp().root(), func(command *cobra.Command) {
		for _, line := range examples(command.Example) {
			root := testApp().root() // parsing leaves values behind
			words := shellWords(line)
			if words[0] != "starter" {
				t.Errorf("%s: example %q is no starter command", command.CommandPath(), line)
				continue
			}
			found, rest, err := root.Find(words[1:])
			if err != nil {
				t.Errorf("%s: example %q: %v", command.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil && err != pflag.ErrHelp { //nolint:errorlint // pflag returns it bare
				t.Errorf("%s: example %q: %v", command.CommandPath(), line, err)
				continue
			}
			if strings.Contains(line, "--help") {
				continue
			}
			if err := found.ValidateFlagGroups(); err != nil {
				t.Errorf("%s: example %q: %v", command.CommandPath(), line, err)
			}
		}
	})
}

// examples joins lines that end in a backslash.
func examples(text string) []string {
	var lines []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// shellWords splits at blanks outside double quotes.
func shellWords(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}
