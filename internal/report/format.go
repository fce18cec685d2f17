package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/recovery"
)

const unknown = "unknown"

// duration prints d with the precision its size deserves: 320 ms, 48.3 s,
// 12 min 05 s, 3 h 40 min.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + duration(-d)
	case d == 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', 1, 64), ".0") + " s"
	case d < time.Hour:
		return trimZero(int64(d/time.Minute), "min", int64(d%time.Minute/time.Second), "s")
	}
	return trimZero(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "min")
}

func trimZero(major int64, majorUnit string, minor int64, minorUnit string) string {
	if minor == 0 {
		return fmt.Sprintf("%d %s", major, majorUnit)
	}
	return fmt.Sprintf("%d %s %02d %s", major, majorUnit, minor, minorUnit)
}

func amount(a recovery.Amount) string {
	if !a.Known {
		return unknown
	}
	return duration(a.Duration)
}

// figure prints a measured value with its uncertainty.
func figure(f recovery.Figure) string {
	text := amount(f.Amount)
	if f.Known && f.Uncertainty > 0 {
		text += " ± " + duration(f.Uncertainty)
	}
	return text
}

// uncertainty is the clocks' share in a figure, "" where there is none.
func uncertainty(f recovery.Figure) string {
	if !f.Known || f.Uncertainty == 0 {
		return ""
	}
	return "± " + duration(f.Uncertainty) + " for the clocks"
}

func objective(o recovery.Objective) string {
	switch {
	case o.Any:
		return "any loss accepted"
	case o.Limit <= 0:
		return "no objective stated"
	}
	return "objective " + duration(o.Limit)
}

func verdict(v recovery.Verdict) string {
	switch v {
	case recovery.VerdictMet:
		return "Met"
	case recovery.VerdictMissed:
		return "Missed"
	case recovery.VerdictAccepted:
		return "Accepted"
	case recovery.VerdictUnknown:
	}
	return "Unknown"
}

// yesNo is the template's answer to "Success Criteria Met".
func yesNo(v recovery.Verdict) string {
	switch v {
	case recovery.VerdictMet:
		return "Yes"
	case recovery.VerdictMissed:
		return "No"
	case recovery.VerdictAccepted, recovery.VerdictUnknown:
	}
	return "Unknown"
}

func moment(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

func clock(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.UTC().Format("15:04:05.000")
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02") }

func took(begin, end time.Time) string {
	d, known := span(begin, end)
	if !known {
		return unknown
	}
	return duration(d)
}

func count(c Count) string {
	if !c.Known {
		return unknown
	}
	return strconv.FormatInt(c.Rows, 10)
}

// size prints bytes in binary units.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// orUnknown stands for what could not be found out.
func orUnknown(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

// orDash stands for text nobody gave.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
