package plan_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// awkward are texts that YAML writers are known to mistake for something else.
var awkward = []string{
	"yes", "no", "null", "~", "1.0", "0x10", "1e3", "-", "- a", "a: b", "a #b", "#", "'", `"`, `\`, "{", "[x]", "*a", "&a",
	"!t", "%", "@", "`", " a", "a ", "a\nb", "a\n", "\na", "a\n\nb", "a\tb", "\ta", "é", "日本", "a\n  b", "|", ">", "? a", "...", "---",
	"true", "2026-01-01", "1_000", "=", "<<", ".inf", "a:", ":a", "12:30", "a, b", "${X}", "a\\nb", "null\n", "\n", "  \n a",
}

// TestYAMLReadsBack: whatever text stands in a plan, the file written from it
// says the same.
func TestYAMLReadsBack(t *testing.T) {
	p, _ := load(t, shipped()["second"])
	text := rapid.OneOf(rapid.SampledFrom(awkward), rapid.StringOfN(rapid.RuneFrom([]rune("ab :#-'\"\\{}[],&*!|>%@`\n\t.0é")), 0, 12, -1))
	rapid.Check(t, func(t *rapid.T) {
		changed := *p
		changed.Document.Title = text.Draw(t, "title")
		changed.Document.ApprovedBy = []string{text.Draw(t, "approver"), text.Draw(t, "second approver")}
		changed.Risks = []plan.Risk{{Name: "r", Title: text.Draw(t, "risk"), Probability: "low", Impact: "low", Mitigation: []string{text.Draw(t, "m")}}}
		changed.Kubernetes = &plan.Kubernetes{Deployment: plan.Deployment{Labels: map[string]string{"app": text.Draw(t, "label")}}}
		raw, err := changed.YAML()
		if err != nil {
			t.Fatalf("%v", err)
		}
		again, _, _ := plan.Parse("again", raw) // judged wrong perhaps, but read
		if diff := cmp.Diff(&changed, again, cmpopts.IgnoreUnexported(plan.Plan{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", diff, raw)
		}
	})
}

// TestOverlay: a plan loaded, changed in code and written again is a plan, and
// another version of it.
func TestOverlay(t *testing.T) {
	p, _ := load(t, shipped()["ai-scientist"])
	before := p.Hash()
	p.Stores = []plan.Store{
		{Name: "a", Provider: plan.StoreFile, Path: "/srv/a"},
		{Name: "b", Provider: plan.StoreGCS, Bucket: "bbb", Endpoint: "http://127.0.0.1:4443", Anonymous: true},
	}
	p.Databases[0].Hosts[0].Port = 15432
	raw, err := p.YAML()
	require.NoError(t, err)
	again, findings, err := plan.Parse("overlay", raw)
	require.NoError(t, err, findings.Errors())
	require.NotEqual(t, before, again.Hash())
	require.Equal(t, p.Stores, again.Stores)
	require.Equal(t, 15432, again.Databases[0].Hosts[0].Port)
}

// TestYAMLRefusesWhatAFileCannotSay: rather no plan than another one.
func TestYAMLRefusesWhatAFileCannotSay(t *testing.T) {
	p, _ := load(t, shipped()["second"])
	p.Document.Title = "a\x1b[31m"
	_, err := p.YAML()
	require.Error(t, err)
}

// TestEveryFieldHasAKey: a field without a json tag would be read by nobody.
func TestEveryFieldHasAKey(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			field := typ.Field(i)
			if field.IsExported() {
				require.NotEmpty(t, field.Tag.Get("json"), "%s.%s", typ, field.Name)
				visit(field.Type)
			}
		}
	}
	visit(reflect.TypeFor[plan.Plan]())
	require.Greater(t, len(seen), 40)
}
