package recovery

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// TargetKind says how a recovery target names its moment.
type TargetKind string

// The kinds of target. The strings are those of the command line and of YAML.
const (
	TargetTime   TargetKind = "time"   // the state just after the last commit at or before Time
	TargetLSN    TargetKind = "lsn"    // the state at LSN
	TargetName   TargetKind = "name"   // a restore point made by pg_create_restore_point
	TargetLatest TargetKind = "latest" // everything that survived
)

// maxRestorePointName is PostgreSQL's MAXFNAMELEN - 1, in bytes.
const maxRestorePointName = 63

// Target is the moment recovery is asked to reach.
type Target struct {
	Kind      TargetKind   `json:"kind"`
	Time      time.Time    `json:"time,omitzero"`
	LSN       wal.LSN      `json:"lsn,omitzero"`
	Name      string       `json:"name,omitempty"`
	Inclusive bool         `json:"inclusive"` // PostgreSQL's recovery_target_inclusive; time and LSN only
	Timeline  wal.Timeline `json:"timeline"`  // 0: the timeline that leads furthest towards the target
}

// ParseTarget reads a target of the given kind from the text of a command-line
// flag or a YAML value: RFC 3339 for time, 16/B374D848 for LSN, the name of a
// restore point, and nothing for latest. Targets are inclusive by default, as
// PostgreSQL's are.
func ParseTarget(kind TargetKind, value string) (Target, error) {
	target := Target{Kind: kind, Inclusive: true}
	var err error
	switch kind {
	case TargetTime:
		target.Time, err = time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return Target{}, failure.Invalid("target.time", "%.60q is not an RFC 3339 time", value).
				WithHint("write it with a zone, for example 2026-03-01T10:15:30Z")
		}
		target.Time = target.Time.UTC()
	case TargetLSN:
		if target.LSN, err = wal.ParseLSN(value); err != nil {
			return Target{}, err
		}
	case TargetName:
		target.Name = value
	case TargetLatest:
		if value != "" {
			return Target{}, failure.Invalid("target.latest", "takes no value, got %.60q", value)
		}
	}
	return target, target.Validate()
}

// Validate checks that exactly the fields of t's kind are set.
func (t Target) Validate() error {
	switch t.Kind {
	case TargetTime, TargetLSN, TargetName, TargetLatest:
	default:
		return failure.Invalid("target.kind", "%.40q is none of time, lsn, name, latest", string(t.Kind))
	}
	if (t.Kind == TargetTime) == t.Time.IsZero() {
		return failure.Invalid("target.time", "must be set for a time target and for no other")
	}
	if (t.Kind == TargetLSN) == (t.LSN == 0) {
		return failure.Invalid("target.lsn", "must be set for an LSN target and for no other")
	}
	if t.LSN > wal.MaxLSN {
		return failure.Invalid("target.lsn", "%s is beyond any log", t.LSN)
	}
	if (t.Kind == TargetName) == (t.Name == "") {
		return failure.Invalid("target.name", "must be set for a named target and for no other")
	}
	if len(t.Name) > maxRestorePointName || strings.ContainsFunc(t.Name, unicode.IsControl) {
		return failure.Invalid("target.name", "must be at most %d bytes without control characters", maxRestorePointName)
	}
	return nil
}

// String describes the target for people.
func (t Target) String() string {
	side := "just before"
	if t.Inclusive {
		side = "up to and including"
	}
	var what string
	switch t.Kind {
	case TargetTime:
		what = fmt.Sprintf("%s %s", side, t.Time.UTC().Format(time.RFC3339Nano))
	case TargetLSN:
		what = fmt.Sprintf("%s LSN %s", side, t.LSN)
	case TargetName:
		what = fmt.Sprintf("restore point %q", t.Name)
	case TargetLatest:
		what = "the newest recoverable state"
	default:
		what = "no target"
	}
	if t.Timeline != 0 {
		what += fmt.Sprintf(" on timeline %d", t.Timeline)
	}
	return what
}
