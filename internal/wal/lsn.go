package wal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// LSN is a byte position in the write-ahead log (XLogRecPtr). 0 is invalid.
type LSN uint64

// Timeline is a timeline ID. 0 is invalid.
type Timeline uint32

// SystemID is a cluster's system identifier, fixed by initdb.
type SystemID uint64

// ParseLSN reads PostgreSQL's notation, "16/B374D848".
func ParseLSN(s string) (LSN, error) {
	high, low, found := strings.Cut(s, "/")
	if !found || len(high) > 8 || len(low) > 8 {
		return 0, failure.Invalid("lsn", "%.40q is not of the form 16/B374D848", s)
	}
	h, errHigh := strconv.ParseUint(high, 16, 32)
	l, errLow := strconv.ParseUint(low, 16, 32)
	if errHigh != nil || errLow != nil {
		return 0, failure.Invalid("lsn", "%.40q is not of the form 16/B374D848", s)
	}
	return LSN(h<<32 | l), nil
}

// String returns PostgreSQL's notation, "16/B374D848".
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *LSN) UnmarshalText(text []byte) error {
	parsed, err := ParseLSN(string(text))
	*l = parsed
	return err
}

// String returns the system identifier in decimal, as pg_controldata prints it.
func (s SystemID) String() string { return strconv.FormatUint(uint64(s), 10) }

// MarshalText implements encoding.TextMarshaler: decimal, since JSON numbers
// lose digits beyond 2^53.
func (s SystemID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *SystemID) UnmarshalText(text []byte) error {
	parsed, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return failure.Invalid("system_id", "%.40q is not a decimal system identifier", text)
	}
	*s = SystemID(parsed)
	return nil
}
