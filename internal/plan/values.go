package plan

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Duration is a length of time. In a plan it is written in units: 90s, 15m, 4h, 1h30m, 35d.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns d in its largest whole units; days from four days on.
func (d Duration) String() string {
	std := time.Duration(d)
	const day = 24 * time.Hour
	switch {
	case std >= 4*day && std%day == 0:
		return strconv.FormatInt(int64(std/day), 10) + "d"
	case std >= time.Hour && std%time.Hour == 0:
		return strconv.FormatInt(int64(std/time.Hour), 10) + "h"
	case std >= time.Minute && std%time.Minute == 0 && std < time.Hour:
		return strconv.FormatInt(int64(std/time.Minute), 10) + "m"
	default:
		return std.String()
	}
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

var durationForm = regexp.MustCompile(`^([0-9]{1,5}d)?(([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms))*)$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	raw := strings.TrimSpace(string(text))
	parts := durationForm.FindStringSubmatch(raw)
	if parts == nil || raw == "" {
		return failure.Invalid("duration", "%.40q has no unit holdfast knows", raw).
			WithHint("write a number and a unit: 30s, 15m, 4h, 35d")
	}
	var total time.Duration
	if parts[1] != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(parts[1], "d"))
		if err != nil {
			return failure.Wrap(failure.InvalidInput, err, "read days of %.40q", raw)
		}
		total = time.Duration(days) * 24 * time.Hour
	}
	if parts[2] != "" {
		rest, err := time.ParseDuration(parts[2])
		if err != nil {
			return failure.Wrap(failure.InvalidInput, err, "read duration %.40q", raw)
		}
		total += rest
	}
	if total < 0 || total > maxDuration {
		return failure.Invalid("duration", "%.40q is longer than %s", raw, Duration(maxDuration)).
			WithHint("write a shorter one")
	}
	*d = Duration(total)
	return nil
}

// maxDuration bounds every duration, so that sums cannot overflow.
const maxDuration = 100 * 365 * 24 * time.Hour

// RPO is a recovery point objective: the longest span of work that may be lost.
// The zero value says that none was stated; AcceptableLoss that any loss will do.
type RPO time.Duration

// AcceptableLoss is written "none": there is no objective to miss.
const AcceptableLoss RPO = -1

// Stated reports whether the plan says anything.
func (r RPO) Stated() bool { return r != 0 }

// Bounded reports whether r is a bound on the loss.
func (r RPO) Bounded() bool { return r > 0 }

// Std returns the bound; it is meaningful only where Bounded.
func (r RPO) Std() time.Duration { return time.Duration(r) }

// String returns the bound, "none", or "" where nothing is stated.
func (r RPO) String() string {
	switch r {
	case AcceptableLoss:
		return "none"
	case 0:
		return ""
	default:
		return Duration(r).String()
	}
}

// MarshalText implements encoding.TextMarshaler.
func (r RPO) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *RPO) UnmarshalText(text []byte) error {
	switch strings.TrimSpace(string(text)) {
	case "none":
		*r = AcceptableLoss
		return nil
	case "":
		*r = 0
		return nil
	}
	var d Duration
	if err := d.UnmarshalText(text); err != nil {
		return err
	}
	if d == 0 {
		return failure.Invalid("rpo", "a loss of nothing cannot be promised").
			WithHint(`write a duration, such as 5s, or "none" where any loss is acceptable`)
	}
	*r = RPO(d)
	return nil
}

// Months is a number of calendar months, written "3 months".
type Months int

// String returns m as it is written.
func (m Months) String() string {
	if m == 1 {
		return "1 month"
	}
	return strconv.Itoa(int(m)) + " months"
}

// MarshalText implements encoding.TextMarshaler.
func (m Months) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

var monthsForm = regexp.MustCompile(`^([1-9][0-9]{0,2}) months?$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Months) UnmarshalText(text []byte) error {
	parts := monthsForm.FindStringSubmatch(strings.TrimSpace(string(text)))
	if parts == nil {
		return failure.Invalid("months", "%.40q is not a number of months", text).WithHint("write 3 months")
	}
	n, err := strconv.Atoi(parts[1])
	*m = Months(n)
	return failure.Wrap(failure.InvalidInput, err, "read months")
}
