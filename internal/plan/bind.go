package plan

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// bind reads node into value and remembers where every path stands. It goes on
// after an error, so that one run reports all of them.
//
// The YAML library's own decoder is not used: it stops at the first error,
// turns numbers into strings, and re-reads scalars from re-formatted text.
func (r *reader) bind(node ast.Node, into reflect.Value, path string) {
	r.positions[path] = r.at(start(node))
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		r.bind(node, into.Elem(), path)
		return
	}
	if text, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		r.bindText(node, text, path)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		r.bindStruct(node, into, path)
	case reflect.Slice:
		r.bindSlice(node, into, path)
	case reflect.Map:
		r.bindMap(node, into, path)
	default:
		r.bindScalar(node, into, path)
	}
}

// start is the token a reader would point at: the first key of a block, not the
// colon behind it.
func start(node ast.Node) *token.Token {
	if mapping, ok := node.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// bindText reads a value that has a form of its own: a duration, a size, a day.
func (r *reader) bindText(node ast.Node, into encoding.TextUnmarshaler, path string) {
	raw, ok := scalarText(node)
	if !ok {
		r.errorf(path, "write a single value", "%s must be one value", lastKey(path))
		return
	}
	err := into.UnmarshalText([]byte(raw))
	if err == nil {
		return
	}
	finding := r.errorf(path, failure.HintOf(err), "%s", messageOf(err))
	if _, secret := into.(*SecretRef); secret {
		finding.Excerpt = "" // the line may hold the secret
	}
}

// messageOf is the text of an error without the name of its form: the path says it.
func messageOf(err error) string {
	var classed *failure.Error
	if errors.As(err, &classed) && classed.Field != "" {
		return strings.TrimPrefix(classed.Message, classed.Field+": ")
	}
	return err.Error()
}

func (r *reader) bindSlice(node ast.Node, into reflect.Value, path string) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		r.errorf(path, "begin each entry on its own line with a dash", "%s must be a list", lastKey(path))
		return
	}
	if len(list.Values) > MaxList {
		r.errorf(path, "split the plan", "%s has %d entries, over %d", lastKey(path), len(list.Values), MaxList)
		return
	}
	out := reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		r.bind(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(out)
}

func (r *reader) bindMap(node ast.Node, into reflect.Value, path string) {
	out := reflect.MakeMap(into.Type())
	for _, pair := range r.pairs(node, path) {
		at := join(path, pair.key)
		key := reflect.New(into.Type().Key()).Elem()
		r.bindEnum(pair.key, key, r.at(pair.node.GetToken()), at)
		value := reflect.New(into.Type().Elem()).Elem()
		r.bind(pair.value, value, at)
		out.SetMapIndex(key, value)
	}
	into.Set(out)
}

// bindStruct reads a mapping with known keys.
func (r *reader) bindStruct(node ast.Node, into reflect.Value, path string) {
	fields := fieldsOf(into.Type())
	given := map[string]bool{}
	for _, pair := range r.pairs(node, path) {
		given[pair.key] = true
		known, ok := fields[pair.key]
		if !ok {
			r.unknownKey(pair, fields, path)
			continue
		}
		at := join(path, pair.key)
		r.bind(pair.value, into.Field(known.index), at)
		if !isScalar(pair.value) {
			r.positions[at] = r.at(pair.node.GetToken())
		}
	}
	for _, name := range sortedKeys(fields) {
		if fields[name].required && !given[name] {
			r.errorf(path, "add "+name+": …", "%s lacks the key %s", orPlan(path), name)
		}
	}
}

// unknownKey reports a key the plan does not know. The value is not shown: a
// misspelt password is still a password.
func (r *reader) unknownKey(pair pair, fields map[string]field, path string) {
	names := sortedKeys(fields)
	fix := "known keys here: " + strings.Join(names, ", ")
	if near := nearest(pair.key, names); near != "" {
		fix = "did you mean " + near + "? " + fix
	}
	at := r.at(pair.node.GetToken())
	finding := r.fail(at, join(path, pair.key), fmt.Sprintf("%s has no key %s", orPlan(path), pair.key), fix)
	end := at.Column - 1 + len(pair.key)
	if end < len(finding.Excerpt) {
		finding.Excerpt = finding.Excerpt[:end] + ": …"
	}
}

func orPlan(path string) string {
	if path == "" {
		return "the plan"
	}
	return path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lastKey is the part of a path a reader knows the value by.
func lastKey(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}
