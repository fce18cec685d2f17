package schema

import (
	"encoding/json"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

const (
	importPath = "github.com/terragonlabs/holdfast/internal/plan/schema"
	sourceDir  = ".." // of package plan, seen from importPath
)

// Reflect returns the schema of a plan. The working directory must be this
// package's; Unavailable where the sources cannot be read.
func Reflect() (*jsonschema.Schema, error) {
	reflector := &jsonschema.Reflector{Anonymous: true, Mapper: scalar, ExpandedStruct: true}
	if err := reflector.AddGoComments(importPath, sourceDir, jsonschema.WithFullComment()); err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "read the plan's comments")
	}
	out := reflector.Reflect(&plan.Plan{})
	out.Title = "holdfast plan"
	if authority, ok := out.Properties.Get("authority"); ok {
		authority.PropertyNames = scalar(reflect.TypeFor[plan.Message]())
	}
	return out, nil
}

// JSON returns a schema as an indented file.
func JSON(s *jsonschema.Schema) ([]byte, error) {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "encode schema")
	}
	return append(raw, '\n'), nil
}

// scalar describes the types that are written as one value, nil for others.
func scalar(t reflect.Type) *jsonschema.Schema {
	if values, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
		out := &jsonschema.Schema{Type: "string"}
		for _, value := range values.Values() {
			out.Enum = append(out.Enum, value)
		}
		return out
	}
	for _, form := range forms() {
		if t == form.of {
			return &jsonschema.Schema{Type: "string", Format: form.name, Pattern: form.pattern, Examples: form.examples}
		}
	}
	return nil
}

// form is how one type is written. The patterns help an editor; package plan
// has the last word.
type form struct {
	of       reflect.Type
	name     string
	pattern  string
	examples []any
}

func forms() []form {
	const duration = `([0-9]+d)?([0-9]+(\.[0-9]+)?(h|m|s|ms))*`
	return []form{
		{reflect.TypeFor[plan.Duration](), "duration", "^" + duration + "$", []any{"30s", "15m", "4h", "35d"}},
		{reflect.TypeFor[plan.RPO](), "duration or none", "^(none|" + duration + ")$", []any{"1h", "none"}},
		{reflect.TypeFor[plan.Months](), "months", "^[1-9][0-9]* months?$", []any{"3 months"}},
		{reflect.TypeFor[plan.Bytes](), "size", "^[0-9]+ ?(TiB|GiB|MiB|KiB|B)$", []any{"64MiB", "50GiB"}},
		{reflect.TypeFor[plan.SecretRef](), "secret reference", "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$", []any{"file:/etc/holdfast/secrets/postgres", "env:NAME"}},
		{reflect.TypeFor[plan.Date](), "date", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", []any{"2026-01-31"}},
	}
}
