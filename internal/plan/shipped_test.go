package plan_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// shipped are the plans every general test runs on: nothing may depend on the
// names of one of them.
func shipped() map[string]string {
	return map[string]string{
		"ai-scientist": filepath.Join("..", "..", "deploy", "plans", "ai-scientist.yaml"),
		"second":       filepath.Join("testdata", "second.yaml"),
	}
}

// load loads a plan that must hold no error.
func load(t *testing.T, path string) (*plan.Plan, plan.Findings) {
	t.Helper()
	p, findings, err := plan.Load(path)
	var out bytes.Buffer
	require.NoError(t, findings.Errors().Render(&out, false))
	require.NoError(t, err, out.String())
	return p, findings
}

func TestShippedPlanHasNoErrors(t *testing.T) {
	for name, path := range shipped() {
		t.Run(name, func(t *testing.T) {
			p, _ := load(t, path)
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, plan.HashOf(raw), p.Hash())
		})
	}
}

func TestShippedPlanRoundTrips(t *testing.T) {
	for name, path := range shipped() {
		t.Run(name, func(t *testing.T) {
			p, _ := load(t, path)
			raw, err := p.YAML()
			require.NoError(t, err)
			again, _, err := plan.Parse("again", raw)
			require.NoError(t, err, string(raw))
			require.Empty(t, cmp.Diff(p, again, cmpopts.IgnoreUnexported(plan.Plan{})))
			require.Equal(t, plan.HashOf(raw), again.Hash())
		})
	}
}

func TestShippedPlanWarnings(t *testing.T) {
	for name, path := range shipped() {
		t.Run(name, func(t *testing.T) {
			_, findings := load(t, path)
			for i := range findings {
				findings[i].Position.File = name + ".yaml"
			}
			var out bytes.Buffer
			require.NoError(t, findings.Render(&out, false))
			golden(t, filepath.Join("testdata", name+".warnings"), out.Bytes())
		})
	}
}

// golden compares with a file under testdata; HOLDFAST_UPDATE=1 rewrites it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("HOLDFAST_UPDATE") == "1" {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), string(got)), "run again with HOLDFAST_UPDATE=1 where this is meant")
}
