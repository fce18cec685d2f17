package plan

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// bindScalar reads a string, a whole number, a ratio or a switch.
func (r *reader) bindScalar(node ast.Node, into reflect.Value, path string) {
	raw, ok := scalarText(node)
	if !ok {
		r.errorf(path, "write a single value", "%s must be one value", lastKey(path))
		return
	}
	switch into.Kind() {
	case reflect.String:
		r.bindString(node, raw, into, path)
	case reflect.Bool:
		value, isBool := node.(*ast.BoolNode)
		if !isBool {
			r.errorf(path, "write true or false", "%s must be true or false", lastKey(path))
			return
		}
		into.SetBool(value.Value)
	case reflect.Int:
		n, err := strconv.ParseInt(raw, 10, 32)
		if _, isInt := node.(*ast.IntegerNode); !isInt || err != nil {
			r.errorf(path, "write a whole number, such as 2", "%s must be a whole number", lastKey(path))
			return
		}
		into.SetInt(n)
	case reflect.Float64:
		r.bindFloat(raw, into, path)
	default:
		r.errorf(path, "", "holdfast cannot read a %s", into.Type())
	}
}

func (r *reader) bindFloat(raw string, into reflect.Value, path string) {
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		r.errorf(path, "write a number, such as 0.9", "%s must be a number", lastKey(path))
		return
	}
	into.SetFloat(f)
}

// bindString reads text. What YAML takes for a number, a switch or nothing must
// be quoted: 1.0 and 1.00 are one number and two versions.
func (r *reader) bindString(node ast.Node, raw string, into reflect.Value, path string) {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
	case *ast.NullNode:
		r.errorf(path, "write a value, or remove the key", "%s is empty", lastKey(path))
		return
	default:
		r.errorf(path, "put it in quotes: "+strconv.Quote(raw), "%s must be text, and YAML does not read this as text", lastKey(path))
		return
	}
	if hasControl(raw) {
		r.errorf(path, "remove it", "%s holds a control character", lastKey(path))
		return
	}
	r.bindEnum(raw, into, r.positions[path], path)
}

// bindEnum sets a string, and refuses one that is not among its type's values.
func (r *reader) bindEnum(raw string, into reflect.Value, at Position, path string) {
	into.SetString(raw)
	enum, ok := into.Interface().(enumerated)
	if !ok {
		return
	}
	values := enum.Values()
	for _, value := range values {
		if value == raw {
			return
		}
	}
	fix := "write one of " + strings.Join(values, ", ")
	if near := nearest(raw, values); near != "" {
		fix = "did you mean " + near + "? " + fix
	}
	r.fail(at, path, strconv.Quote(clip(raw))+" is not a value of "+lastKey(path), fix)
}

// scalarText is the text of a scalar as written, without quotes.
func scalarText(node ast.Node) (string, bool) {
	switch value := node.(type) {
	case *ast.StringNode:
		return value.Value, true
	case *ast.LiteralNode:
		return value.Value.Value, true
	case *ast.NullNode:
		return "", true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(node.GetToken().Value), true
	default:
		return "", false
	}
}

func isScalar(node ast.Node) bool {
	_, ok := scalarText(node)
	return ok
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool {
		return c < 0x20 && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029'
	})
}

// clip bounds text taken from a plan into a message.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
