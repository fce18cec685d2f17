package archive

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Kind says what a set holds.
type Kind string

// Kinds of set.
const (
	Full        Kind = "full"        // every slice is in the set's own parts
	Incremental Kind = "incremental" // unchanged slices are in earlier sets' parts
)

// SetID names a set: 20261123T001122Z-f-0a1b2c3d. IDs sort by time. The letter
// (f, i) says what was asked for; Descriptor.Kind says what it became.
type SetID string

const (
	setIDTime    = "20060102T150405Z"
	attemptWidth = 4 // bytes
)

var (
	setIDPattern  = regexp.MustCompile(`^\d{8}T\d{6}Z-[fi]-[0-9a-f]{8}$`)
	sourcePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,79}$`)
)

// NewSetID makes an ID for a set of the given kind begun at the time at.
func NewSetID(at time.Time, kind Kind) SetID {
	letter := "f"
	if kind == Incremental {
		letter = "i"
	}
	return SetID(at.UTC().Format(setIDTime) + "-" + letter + "-" + randomHex(attemptWidth))
}

// ParseSetID checks the shape of an ID.
func ParseSetID(s string) (SetID, error) {
	if !setIDPattern.MatchString(s) {
		return "", failure.Invalid("set", "%.80q is not of the form 20261123T001122Z-f-0a1b2c3d", s).
			WithHint("starter backup list")
	}
	if _, err := time.Parse(setIDTime, s[:len(setIDTime)]); err != nil {
		return "", failure.Invalid("set", "%.80q begins with no time", s)
	}
	return SetID(s), nil
}

// Begun returns the time in the ID; zero when the ID is malformed.
func (id SetID) Begun() time.Time {
	prefix, _, _ := strings.Cut(string(id), "-")
	at, err := time.Parse(setIDTime, prefix)
	if err != nil {
		return time.Time{}
	}
	return at
}

// asked returns the kind in the ID's letter.
func (id SetID) asked() Kind {
	if strings.Contains(string(id), "-i-") {
		return Incremental
	}
	return Full
}

// CheckSource refuses source names that are no single, portable key segment.
func CheckSource(source string) error {
	if !sourcePattern.MatchString(source) {
		return failure.Invalid("source", "%.80q: want lower-case letters, digits, dot, hyphen, underscore, at most 80", source)
	}
	return nil
}

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails since Go 1.24: it ends the program instead
	return hex.EncodeToString(raw)
}
