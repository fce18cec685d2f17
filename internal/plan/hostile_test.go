package plan_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/plan"
)

func hostile() map[string]string {
	return map[string]string{
		"empty":             "",
		"comment only":      "# nothing\n",
		"scalar":            "hello",
		"list":              "- a\n- b\n",
		"deep flow":         strings.Repeat("[", 100_000),
		"deep flow maps":    strings.Repeat("{a: ", 100_000),
		"deep block":        deepBlock(3000),
		"deep sequences":    strings.Repeat("- ", 100_000) + "a",
		"deep keys":         strings.Repeat("? ", 50_000) + "a",
		"aliases":           "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
		"merge":             "a: {<<: {b: c}}\n",
		"zero byte":         "document: \x00",
		"not UTF-8":         "document: \xff\xfe",
		"many list entries": "services:\n" + strings.Repeat("  - {}\n", 5000),
		"many keys":         strings.Repeat("k: v\n", 1000),
		"many findings":     manyKeys(1000),
		"tab indentation":   "document:\n\ttitle: x\n",
		"bare colon":        ":",
		"directive":         "%YAML 1.2\n---\ndocument: {}\n",
	}
}

func deepBlock(levels int) string {
	var out strings.Builder
	for i := range min(levels, 1000) {
		out.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return out.String()
}

func manyKeys(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString("k" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + ": v\n")
	}
	return out.String()
}

// TestHostileFiles: bytes that are no plan are refused, soon and in few words.
func TestHostileFiles(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, findings, err := plan.Parse("hostile.yaml", []byte(text))
			require.Error(t, err)
			require.NotEmpty(t, findings.Errors())
			require.LessOrEqual(t, len(findings), 201)
			require.Less(t, time.Since(began), 10*time.Second)
			var out bytes.Buffer
			require.NoError(t, findings.Render(&out, false))
			require.Less(t, out.Len(), 1<<20)
			require.NotContains(t, out.String(), "\x1b")
		})
	}
}

// FuzzParse: no bytes make Parse panic, and a plan without errors can be
// written and read again.
func FuzzParse(f *testing.F) {
	for _, text := range hostile() {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	for _, path := range shipped() {
		raw, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, findings, err := plan.Parse("fuzz.yaml", raw)
		require.NoError(t, findings.Render(&bytes.Buffer{}, true))
		if err != nil {
			require.NotEmpty(t, findings.Errors())
			return
		}
		written, err := p.YAML()
		require.NoError(t, err)
		again, _, err := plan.Parse("again.yaml", written)
		require.NoError(t, err)
		want, err := p.RecoveryOrder()
		require.NoError(t, err)
		got, err := again.RecoveryOrder()
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}
