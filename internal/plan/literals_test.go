package plan_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryLiteral reads a table of what a written plan says, by section, and
// asks the typed plan for it.
func TestEveryLiteral(t *testing.T) {
	for name, path := range shipped() {
		p, _ := load(t, path)
		section := "none"
		rows := 0
		for _, line := range lines(t, filepath.Join("testdata", name+".literals")) {
			if heading, ok := strings.CutPrefix(line, "## "); ok {
				section = heading
				continue
			}
			at, want, ok := strings.Cut(line, " = ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			rows++
			t.Run(name+"/"+section+"/"+at, func(t *testing.T) {
				require.Equal(t, want, lookup(t, reflect.ValueOf(*p), at))
			})
		}
		require.NotZero(t, rows)
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	var out []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		out = append(out, scanner.Text())
	}
	require.NoError(t, scanner.Err())
	return out
}

// lookup walks a path as findings name it; [*] stands for every entry.
func lookup(t *testing.T, value reflect.Value, path string) string {
	t.Helper()
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if path == "" {
		return show(t, value)
	}
	if rest, ok := strings.CutPrefix(path, "[*]"); ok {
		var all []string
		for i := range value.Len() {
			all = append(all, lookup(t, value.Index(i), strings.TrimPrefix(rest, ".")))
		}
		return strings.Join(all, " | ")
	}
	if rest, ok := strings.CutPrefix(path, "["); ok {
		number, rest, _ := strings.Cut(rest, "]")
		index, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.Less(t, index, value.Len(), path)
		return lookup(t, value.Index(index), strings.TrimPrefix(rest, "."))
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	return lookup(t, child(t, value, path[:end]), strings.TrimPrefix(path[end:], "."))
}

func child(t *testing.T, value reflect.Value, key string) reflect.Value {
	t.Helper()
	if value.Kind() == reflect.Map {
		return value.MapIndex(reflect.ValueOf(key).Convert(value.Type().Key()))
	}
	for i := range value.NumField() {
		if name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ","); name == key {
			return value.Field(i)
		}
	}
	t.Fatalf("%s has no key %s", value.Type(), key)
	return reflect.Value{}
}

// show writes a value as the plan's file would, a list with bars.
func show(t *testing.T, value reflect.Value) string {
	t.Helper()
	if value.Kind() == reflect.Slice {
		var all []string
		for i := range value.Len() {
			all = append(all, show(t, value.Index(i)))
		}
		return strings.Join(all, " | ")
	}
	raw, err := json.Marshal(value.Interface())
	require.NoError(t, err)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return fmt.Sprint(value.Interface())
}
