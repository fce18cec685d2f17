package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

const preface = `# The plan, key by key

<!-- Generated from internal/plan. Change the comments there, then: HOLDFAST_UPDATE=1 go test ./internal/plan/schema -->

A plan is one YAML file. ` + "`starter plan check FILE`" + ` reads it and reports everything wrong or doubtful at once, each with
file, line, column and what would be right. An error means the plan cannot be used; a warning means somebody should look.

- **Strict.** Unknown keys, unknown names and impossible values are errors. Text that YAML reads as a number or a switch must be quoted.
- **Plain.** No anchors, aliases, tags or second documents; at most 1 MiB, 32 levels, and 1000 entries a list.
- **Durations** carry units: ` + "`30s`, `15m`, `4h`, `1h30m`, `35d`" + `. **Sizes** carry binary units: ` + "`64MiB`, `50GiB`" + `.
- **Secrets** are references: ` + "`env:NAME` or `file:/absolute/path`" + `. A secret in plain text is an error.
- **Names** are lower-case letters, digits, dots, dashes and underscores, up to 63. Recipients of messages are named by contact,
  group, role or person, so these four share one space of names.
- **Version.** A plan's version is the SHA-256 of the file's bytes, as ` + "`sha256sum`" + ` prints it.

## How objectives combine

A service's recovery time is the strictest of its own ` + "`rto`" + `, its priority's and its class's. Its recovery point is the strictest
of its own ` + "`rpo`" + `, its priority's, and those of the classes of all data it keeps. A data class with ` + "`rpo: none`" + ` asks nothing,
whoever uses it. Where two disagree a warning says which holds.

Every data set must be backed up at least as often as the strictest objective that speaks of it. Recovery order is the graph of
` + "`depends_on`" + `, then priority; what an urgent service waits for is as urgent as that service.

## Checked in, and run

` + "`plan check`" + ` judges the text. A plan may be published before its people have keys, so these are warnings then: a host without
signing key, a gate whose quorum of people with keys is not reached, an audience told by email without a mail server. Before a run
changes anything they are errors.

`

// Reference returns the schema as Markdown: one table a type, in the order a
// reader meets them.
func Reference(s *jsonschema.Schema) string {
	var out strings.Builder
	out.WriteString(preface)
	table(&out, "Plan", "The file itself.", s)
	for _, name := range order(s) {
		definition := s.Definitions[name]
		table(&out, name, oneLine(definition.Description), definition)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// order lists definitions by first mention.
func order(root *jsonschema.Schema) []string {
	var names []string
	var visit func(*jsonschema.Schema)
	visit = func(s *jsonschema.Schema) {
		for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
			name := target(pair.Value)
			if definition, ok := root.Definitions[name]; ok && !slices.Contains(names, name) {
				names = append(names, name)
				visit(definition)
			}
		}
	}
	visit(root)
	return names
}

// target names the definition a property leads to, through lists, or "".
func target(s *jsonschema.Schema) string {
	if s.Items != nil {
		s = s.Items
	}
	return strings.TrimPrefix(s.Ref, "#/$defs/")
}

func table(out *strings.Builder, name, about string, s *jsonschema.Schema) {
	fmt.Fprintf(out, "## %s\n\n%s\n\n| key | value | needed | meaning |\n|---|---|---|---|\n", name, about)
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		needed := ""
		if slices.Contains(s.Required, pair.Key) {
			needed = "yes"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", pair.Key, kind(pair.Value), needed, cell(pair.Value.Description))
	}
	out.WriteString("\n")
}

// kind says in words what a value is.
func kind(s *jsonschema.Schema) string {
	switch {
	case s.Type == "array":
		return "list of " + kind(s.Items)
	case s.Ref != "":
		name := target(s)
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case len(s.Enum) > 0:
		var values []string
		for _, value := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", value))
		}
		return strings.Join(values, ", ")
	case s.Format != "":
		return s.Format
	case s.Type == "object" && s.AdditionalProperties != nil:
		return "map to " + kind(s.AdditionalProperties)
	case s.Type == "string":
		return "text"
	case s.Type == "boolean":
		return "`true` or `false`"
	case s.Type == "integer":
		return "whole number"
	default:
		return s.Type
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func cell(text string) string { return strings.ReplaceAll(oneLine(text), "|", `\|`) }
