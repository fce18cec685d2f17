package walship

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// headroomGone looks at the file system under pg_wal, reports, and says whether
// less than archive.headroom_bytes are free. Unknown counts as gone: the choice
// it guards exists so that the primary does not stop.
func (a *Archiver) headroomGone() bool {
	free, err := freeBytes(filepath.Join(a.settings.DataDir, "pg_wal"))
	if err != nil {
		a.meter.update(func(s *Status) { s.PgWALFreeBytes = -1 })
		a.report.raise(EventHeadroom, "", "", "free space under pg_wal is unknown: "+err.Error())
		return true
	}
	a.meter.update(func(s *Status) { s.PgWALFreeBytes = free })
	if free >= a.settings.Archive.HeadroomBytes {
		a.report.clear(EventHeadroom, EventHeadroom, "", "pg_wal has room again")
		return false
	}
	a.report.raise(EventHeadroom, "", "", fmt.Sprintf("%d bytes are free under pg_wal, less than the headroom of %d: the primary stops when it is full",
		free, a.settings.Archive.HeadroomBytes))
	return true
}

// freeBytes returns what an ordinary user may still write there.
func freeBytes(path string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, classFile(err, "look at free space of %s", path)
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:unconvert // Bsize is int32 on some systems
}
