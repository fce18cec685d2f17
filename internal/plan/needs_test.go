package plan_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// TestRunbookMustBeTheWorkflows: a plan whose runbook lacks what the workflow enters
// by name is refused when it is checked, with the place, not when a run begins.
func TestRunbookMustBeTheWorkflows(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/second.yaml")
	require.NoError(t, err)
	needs := plan.Needs{
		Scenario: "database-corruption", Phases: []string{"assessment", "preparation", "recovery", "validation", "restart"},
		Gates: []string{"restore", "cut-over"},
	}
	for name, row := range map[string]struct {
		change  []string // old and new
		message string   // "": nothing is wrong
		place   string   // of the line
	}{
		"as it is":      {nil, "", ""},
		"no phase":      {[]string{"name: validation,", "name: checking,", "after: validation", "after: checking"}, `has no phase "validation"`, "phases:"},
		"no gate":       {[]string{"name: cut-over,", "name: opening,"}, `has no gate "cut-over"`, "gates:"},
		"another order": {[]string{"name: assessment,", "name: preparation,", "name: preparation,", "name: assessment,"}, "another order", "phases:"},
		"another one":   {[]string{"scenario: database-corruption", "scenario: mending", "runbook: database-corruption", "runbook: mending", "name: validation,", "name: x,", "after: validation", "after: x"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.NewReplacer(row.change...).Replace(string(raw))
			p, _, err := plan.Parse("second.yaml", []byte(text))
			require.NoError(t, err)
			wrong := p.CheckNeeds(needs).Errors()
			if row.message == "" {
				require.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			require.Contains(t, wrong[0].Message, row.message)
			line := strings.Split(text, "\n")[wrong[0].Position.Line-1]
			require.True(t, strings.Contains(line, row.place) || strings.Contains(line, "- {name"), "line %q", line)
			var shown bytes.Buffer
			require.NoError(t, wrong.Render(&shown, false))
			require.Contains(t, shown.String(), "second.yaml:")
			require.Contains(t, shown.String(), "^", "a caret shows where")
		})
	}
}
