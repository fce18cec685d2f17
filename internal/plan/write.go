package plan

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// YAML returns p as a plan's file that reads back as p. Comments and order of
// the file p came from are not kept. Its hash is HashOf of the bytes. It fails
// with Internal rather than return bytes that read back differently, as text
// with control characters would.
func (p *Plan) YAML() ([]byte, error) {
	var out writer
	out.block(reflect.ValueOf(*p), 0)
	raw := []byte(out.String())
	again, r := read("written plan", raw)
	if again == nil || len(r.findings) > 0 {
		return nil, failure.New(failure.Internal, "the written plan does not read back: %v", r.findings)
	}
	if at := difference(reflect.ValueOf(*p), reflect.ValueOf(*again), ""); at != "" {
		return nil, failure.New(failure.Internal, "the written plan reads back differently at %s", at)
	}
	return raw, nil
}

// difference returns the path of the first value that differs, or "". A list or
// map that is nil is the same as an empty one: a file has no way to tell.
func difference(a, b reflect.Value, path string) string {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return unless(a.IsNil() == b.IsNil(), path)
		}
		return difference(a.Elem(), b.Elem(), path)
	case reflect.Struct:
		return structDifference(a, b, path)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return path
		}
		for i := range a.Len() {
			if at := difference(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); at != "" {
				return at
			}
		}
		return ""
	case reflect.Map:
		return mapDifference(a, b, path)
	default:
		return unless(a.Equal(b), path)
	}
}

func structDifference(a, b reflect.Value, path string) string {
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		if name == "" {
			continue // where the plan was read from
		}
		if at := difference(a.Field(i), b.Field(i), join(path, name)); at != "" {
			return at
		}
	}
	return ""
}

func mapDifference(a, b reflect.Value, path string) string {
	if a.Len() != b.Len() {
		return path
	}
	for _, key := range a.MapKeys() {
		at, other := join(path, key.String()), b.MapIndex(key)
		if !other.IsValid() || difference(a.MapIndex(key), other, at) != "" {
			return at
		}
	}
	return ""
}

func unless(same bool, path string) string {
	if same {
		return ""
	}
	return path
}
