package swap

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// barOldTimelines keeps the restored cluster from archiving segments of the
// timelines it came from: they are the damaged cluster's, the archive has them,
// and its own copy may be cut short. PostgreSQL queues every segment that has no
// status file when it recycles it, and a refused segment would then hold up all
// that follow. What the old timeline's last segment holds up to the switch is
// also in the new timeline's first.
func (s *swap) barOldTimelines() error {
	c := s.restored.cluster
	dir := filepath.Join(c.DataDir, "pg_wal")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return pg.ClassifyFile(err, "list pg_wal")
	}
	for _, entry := range entries {
		name := entry.Name()
		segment, err := s.restored.identity.SegmentSize.ParseSegment(strings.TrimSuffix(name, ".partial"))
		if err != nil || segment.Timeline >= s.config.Restored.Timeline {
			continue
		}
		status := filepath.Join(dir, "archive_status", name)
		if err := c.Programs.Owner.WriteFile(status+".done", nil, 0o600); err != nil {
			return err
		}
		if err := os.Remove(status + ".ready"); err != nil && !os.IsNotExist(err) {
			return pg.ClassifyFile(err, "bar %s from the archive", name)
		}
	}
	return nil
}
