package conninfo

import (
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const blanks = " \t\n\r\f\v"

// Parse reads "keyword = value" pairs by libpq's rules: values in single quotes
// may hold blanks, and a backslash takes the next byte as it is. The last value of
// a keyword counts. Errors are InvalidInput and do not show the string.
func Parse(text string) (map[string]string, error) {
	words := map[string]string{}
	for rest := strings.TrimLeft(text, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		key, after, found := strings.Cut(rest, "=")
		key = strings.TrimRight(key, blanks)
		if !found || key == "" || strings.ContainsAny(key, blanks+`'\`) {
			return nil, failure.Invalid("conn", "is not made of keyword=value pairs")
		}
		value, left, err := value(strings.TrimLeft(after, blanks))
		if err != nil {
			return nil, err
		}
		words[key], rest = value, left
	}
	return words, nil
}

func value(text string) (found, rest string, err error) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		case quoted && b == '\'':
			return out.String(), text[i+1:], nil
		case !quoted && strings.IndexByte(blanks, b) >= 0:
			return out.String(), text[i:], nil
		default:
			out.WriteByte(b)
		}
	}
	if quoted {
		return "", "", failure.Invalid("conn", "a quote is not closed")
	}
	return out.String(), "", nil
}
