package replay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// queueHistory marks for archiving what was written while archiving was off:
// the new timeline's history file and its segments. PostgreSQL would archive the
// segments later but never the history file, and without it no later recovery
// could follow this timeline.
func queueHistory(ctx context.Context, c *cluster.Cluster) error {
	identity, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(c.DataDir, "pg_wal")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return pg.ClassifyFile(err, "list pg_wal")
	}
	for _, entry := range entries {
		if err := queue(c, identity, dir, entry.Name()); err != nil {
			return err
		}
	}
	return nil
}

func queue(c *cluster.Cluster, identity cluster.Identity, dir, name string) error {
	segment, err := identity.SegmentSize.ParseSegment(name)
	full := err == nil && segment.Timeline == identity.Timeline &&
		identity.SegmentSize.Start(segment.Next()) <= identity.Redo
	if name != historyName(identity.Timeline) && !full {
		return nil
	}
	status := filepath.Join(dir, "archive_status", name)
	for _, suffix := range []string{".done", ".ready"} {
		if _, err := os.Lstat(status + suffix); err == nil {
			return nil
		}
	}
	return c.Programs.Owner.WriteFile(status+".ready", nil, 0o600)
}

func historyName(timeline wal.Timeline) string { return fmt.Sprintf("%08X.history", uint32(timeline)) }

// switchPoint reads where a timeline begins from its history file: the last
// line's parent and position.
func switchPoint(dataDir string, timeline wal.Timeline) (parent wal.Timeline, at wal.LSN, err error) {
	path := filepath.Join(dataDir, "pg_wal", historyName(timeline))
	content, err := pg.ReadSmall(path, 1<<20)
	if err != nil {
		return 0, 0, err
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 2 {
		return 0, 0, failure.New(failure.Corrupt, "%s names no parent timeline", path)
	}
	var number uint32
	if _, err := fmt.Sscanf(fields[0], "%d", &number); err != nil {
		return 0, 0, failure.New(failure.Corrupt, "%s names no parent timeline", path)
	}
	at, err = wal.ParseLSN(fields[1])
	return wal.Timeline(number), at, err
}
