package schema_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/plan/schema"
)

var root = filepath.Join("..", "..", "..")

func TestFilesAreCurrent(t *testing.T) {
	s, err := schema.Reflect()
	require.NoError(t, err)
	raw, err := schema.JSON(s)
	require.NoError(t, err)
	current(t, filepath.Join(root, "deploy", "plans", "plan.schema.json"), string(raw))
	current(t, filepath.Join(root, "docs", "plan.md"), schema.Reference(s))
}

func current(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("HOLDFAST_UPDATE") == "1" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(got), want), "run HOLDFAST_UPDATE=1 go test ./internal/plan/schema")
}

// TestEveryKeyIsExplained: a key without a comment is a key nobody can use.
func TestEveryKeyIsExplained(t *testing.T) {
	s, err := schema.Reflect()
	require.NoError(t, err)
	require.NotEmpty(t, s.Definitions)
	for name, definition := range s.Definitions {
		require.NotEmpty(t, definition.Description, name)
		for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
			require.NotEmpty(t, pair.Value.Description, "%s.%s", name, pair.Key)
			if pattern := pair.Value.Pattern; pattern != "" {
				require.NotPanics(t, func() { regexp.MustCompile(pattern) })
			}
		}
	}
}
