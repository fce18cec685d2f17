package plan

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// pair is one key of a mapping with its value.
type pair struct {
	key   string
	node  ast.Node // the key
	value ast.Node
}

// pairs returns the keys of a mapping in the order of the file.
func (r *reader) pairs(node ast.Node, path string) []pair {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		if _, empty := node.(*ast.NullNode); empty {
			r.errorf(path, "write its keys below it, or remove it", "%s is empty", orPlan(path))
			return nil
		}
		r.errorf(path, "write its keys below it, each as key: value", "%s must have keys", orPlan(path))
		return nil
	}
	var out []pair
	seen := map[string]bool{}
	for iter := mapping.MapRange(); iter.Next(); {
		key, ok := scalarText(iter.Key())
		if !ok || key == "" || hasControl(key) {
			r.fail(r.at(iter.Key().GetToken()), path, "a key must be plain text", "write key: value")
			continue
		}
		if seen[key] {
			r.fail(r.at(iter.Key().GetToken()), join(path, key), "the key "+key+" is given twice", "keep one")
			continue
		}
		seen[key] = true
		out = append(out, pair{key: key, node: iter.Key(), value: iter.Value()})
	}
	return out
}

// field is one key of a struct.
type field struct {
	index    int
	required bool
}

// fieldsOf reads the keys of a struct from its json tags: the same tags name
// the keys in YAML, in JSON and in the schema.
func fieldsOf(t reflect.Type) map[string]field {
	out := map[string]field{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		out[name] = field{index: i, required: !optional}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// nearest returns the candidate a misspelling most likely meant, or "".
func nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, candidate := range candidates {
		if d := distance(word, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost = 1 + min(previous, row[j], row[j+1])
			}
			previous, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
