package pg

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Major is a PostgreSQL major version, 13 to 18.
type Major int

// The majors holdfast is written for.
const (
	OldestMajor Major = 13
	NewestMajor Major = 18
)

// String returns the number.
func (m Major) String() string { return strconv.Itoa(int(m)) }

// Supported reports whether holdfast knows this major's rules.
func (m Major) Supported() bool { return m >= OldestMajor && m <= NewestMajor }

// MajorOfNum returns the major of server_version_num.
func MajorOfNum(num int) Major { return Major(num / 10000) }

// BackupStart is the SQL that begins a base backup ($1 label, $2 fast): one
// column, the start LSN. PostgreSQL 15 renamed the functions and dropped the
// exclusive mode.
func (m Major) BackupStart() string {
	if m >= 15 {
		return "SELECT pg_backup_start($1, $2)::text"
	}
	return "SELECT pg_start_backup($1, $2, false)::text"
}

// BackupStop is the SQL that ends a base backup without waiting for archiving:
// columns lsn, labelfile, spcmapfile.
func (m Major) BackupStop() string {
	if m >= 15 {
		return "SELECT lsn::text, labelfile, spcmapfile FROM pg_backup_stop(false)"
	}
	return "SELECT lsn::text, labelfile, spcmapfile FROM pg_stop_backup(false, false)"
}

// ManifestVersion is the version of backup_manifest; 17 added the system identifier.
func (m Major) ManifestVersion() int {
	if m >= 17 {
		return 2
	}
	return 1
}

// DataDirMajor reads PG_VERSION of a data directory.
func DataDirMajor(dataDir string) (Major, error) {
	content, err := ReadSmall(filepath.Join(dataDir, "PG_VERSION"), 64)
	if err != nil {
		return 0, failure.Wrap(failure.ClassOf(err), err, "read the version of data directory %s", dataDir)
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || !Major(number).Supported() {
		return 0, failure.Invalid("data_dir", "%s is of PostgreSQL %.20q; holdfast knows 13 to 18", dataDir, content)
	}
	return Major(number), nil
}

var programVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func parseProgramVersion(out string) (Major, error) {
	match := programVersion.FindStringSubmatch(out)
	if match == nil {
		return 0, failure.New(failure.Unknown, "%.80q names no PostgreSQL version", out)
	}
	number, err := strconv.Atoi(match[1])
	return Major(number), err
}
