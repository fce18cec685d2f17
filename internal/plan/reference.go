package plan

import (
	"regexp"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// SecretRef says where a secret is: "env:NAME" or "file:/absolute/path". It is
// resolved at the edge, never here, and holds nothing secret itself.
type SecretRef string

const maxSecretRef = 1024 // bytes

var secretForm = regexp.MustCompile(`^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00-\x1f\x7f]+)$`)

// Env returns the environment variable's name, or "".
func (s SecretRef) Env() string {
	name, ok := strings.CutPrefix(string(s), "env:")
	if !ok {
		return ""
	}
	return name
}

// File returns the file's path, or "".
func (s SecretRef) File() string {
	path, ok := strings.CutPrefix(string(s), "file:")
	if !ok {
		return ""
	}
	return path
}

// MarshalText implements encoding.TextMarshaler.
func (s SecretRef) MarshalText() ([]byte, error) { return []byte(s), nil }

// UnmarshalText implements encoding.TextUnmarshaler. The error never repeats
// the text: it may be the secret.
func (s *SecretRef) UnmarshalText(text []byte) error {
	raw := strings.TrimSpace(string(text))
	if raw != "" && (len(raw) > maxSecretRef || !secretForm.MatchString(raw)) {
		return failure.Invalid("secret", "a secret must not stand in the plan").
			WithHint("put it in a file or the environment and write file:/path or env:NAME; if this was a real secret, change it now")
	}
	*s = SecretRef(raw)
	return nil
}

// Date is a day in UTC, written 2026-01-31.
type Date string

// Time returns 00:00 UTC of the day, or the zero time where nothing is stated.
func (d Date) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	raw := strings.TrimSpace(string(text))
	if _, err := time.Parse(time.DateOnly, raw); err != nil {
		return failure.Invalid("date", "%.40q is not a day", raw).WithHint("write year-month-day: 2026-01-31")
	}
	*d = Date(raw)
	return nil
}
