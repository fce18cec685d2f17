package plan

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// writer writes a plan as YAML. The YAML library's own encoder loses tabs and
// some quotes, and a plan that reads back differently is another plan; so text
// is written plain only where that cannot be mistaken, and as a JSON string,
// which YAML reads the same, everywhere else.
type writer struct{ strings.Builder }

// block writes the keys of a struct or map, one a line.
func (w *writer) block(value reflect.Value, indent int) {
	for _, entry := range entries(value) {
		w.WriteString(strings.Repeat("  ", indent) + scalarOf(entry.key) + ":")
		w.value(entry.value, indent)
	}
}

// value writes what follows a key.
func (w *writer) value(value reflect.Value, indent int) {
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	text, single := inline(value)
	switch {
	case single:
		w.WriteString(" " + text + "\n")
	case value.Kind() == reflect.Slice:
		w.WriteString("\n")
		for i := range value.Len() {
			w.item(value.Index(i), indent+1)
		}
	default:
		w.WriteString("\n")
		w.block(value, indent+1)
	}
}

// item writes one entry of a list.
func (w *writer) item(value reflect.Value, indent int) {
	lead := strings.Repeat("  ", indent) + "- "
	if text, single := inline(value); single {
		w.WriteString(lead + text + "\n")
		return
	}
	var inner writer
	inner.block(value, indent+1)
	w.WriteString(lead + strings.TrimLeft(inner.String(), " "))
}

// inline writes what fits behind a key: a scalar, a list of scalars, nothing.
func inline(value reflect.Value) (text string, single bool) {
	if text, ok := plainScalar(value); ok {
		return text, true
	}
	if value.Kind() == reflect.Slice {
		var all []string
		for i := range value.Len() {
			item, ok := plainScalar(value.Index(i))
			if !ok {
				return "", false
			}
			all = append(all, item)
		}
		return "[" + strings.Join(all, ", ") + "]", true
	}
	return "{}", len(entries(value)) == 0
}

func plainScalar(value reflect.Value) (string, bool) {
	if text, ok := value.Interface().(encoding.TextMarshaler); ok {
		raw, err := text.MarshalText()
		if unitForm.Match(raw) {
			return string(raw), err == nil
		}
		return scalarOf(string(raw)), err == nil
	}
	switch value.Kind() {
	case reflect.String:
		return scalarOf(value.String()), true
	case reflect.Bool, reflect.Int:
		return fmt.Sprint(value.Interface()), true
	case reflect.Float64:
		return strconv.FormatFloat(value.Float(), 'f', -1, 64), true
	default:
		return "", false
	}
}

var (
	plainForm = regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./@+()$ -]*$`)
	// unitForm is a duration, a size or a day, whose readers take any scalar.
	unitForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[A-Za-z-][A-Za-z0-9. -]*$`)
	// numberLike begins as some YAML readers' switches, numbers and nothings do.
	numberLike = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
)

func scalarOf(text string) string {
	if plainForm.MatchString(text) && !numberLike.MatchString(text) && !strings.HasSuffix(text, " ") {
		return text
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return strconv.Quote(text) // not reached: a string always encodes
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// entry is one key with its value.
type entry struct {
	key   string
	value reflect.Value
}

// entries lists what a struct or map says, in the order of the type or by key.
func entries(value reflect.Value) []entry {
	var out []entry
	if value.Kind() == reflect.Map {
		for _, key := range value.MapKeys() {
			out = append(out, entry{key.String(), value.MapIndex(key)})
		}
		slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.key, b.key) })
		return out
	}
	for i := range value.NumField() {
		name, options, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || options != "" && isEmpty(value.Field(i)) {
			continue
		}
		out = append(out, entry{name, value.Field(i)})
	}
	return out
}

// isEmpty reports whether an optional value says nothing.
func isEmpty(value reflect.Value) bool {
	if value.Kind() == reflect.Slice || value.Kind() == reflect.Map {
		return value.Len() == 0
	}
	return value.IsZero()
}
