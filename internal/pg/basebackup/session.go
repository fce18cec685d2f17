package basebackup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// point is one end of a backup.
type point struct {
	lsn        wal.LSN
	checkpoint wal.LSN
	timeline   wal.Timeline
	at         time.Time // the server's clock, UTC
}

// begin starts the backup in this session, which stays open until end.
func (b *backup) begin(ctx context.Context) error {
	if err := pg.Exec(ctx, b.conn, "keep the session", "SET statement_timeout = 0; SET idle_session_timeout = 0"); err != nil &&
		pg.StateOf(err) != "42704" { // idle_session_timeout came with 14
		return err
	}
	label := "holdfast " + string(b.writer.SetID())
	text, err := pg.One[string](ctx, b.conn, "start the backup", pg.MajorOfNum(b.facts.versionNum).BackupStart(), label, !b.config.SpreadCheckpoint)
	if err != nil {
		return err
	}
	b.start, err = b.here(ctx)
	if err != nil {
		return err
	}
	b.start.lsn, err = wal.ParseLSN(text)
	return err
}

// here reads the server's clock and live timeline.
func (b *backup) here(ctx context.Context) (point, error) {
	at, err := pg.One[time.Time](ctx, b.conn, "ask for the clock", "SELECT clock_timestamp()")
	if err != nil {
		return point{}, err
	}
	timeline, err := pg.LiveTimeline(ctx, b.conn)
	return point{timeline: timeline, at: at.UTC()}, err
}

// end stops the backup and returns the label. Archiving is not waited for here:
// the server would wait for its own archiver, the callback waits for the stores.
func (b *backup) end(ctx context.Context) (string, error) {
	var text, label, tablespaceMap string
	err := b.conn.QueryRow(ctx, pg.MajorOfNum(b.facts.versionNum).BackupStop()).Scan(&text, &label, &tablespaceMap)
	if err != nil {
		return "", pg.Classify(err, "stop the backup")
	}
	if b.stop, err = b.here(ctx); err != nil {
		return "", err
	}
	if b.stop.lsn, err = wal.ParseLSN(text); err != nil {
		return "", err
	}
	return label, b.readLabel(label)
}

// readLabel takes the checkpoint from backup_label and proves that one timeline
// covers the whole backup (L2: WAL that spans timelines cannot restore it).
func (b *backup) readLabel(label string) error {
	var timeline wal.Timeline
	for line := range strings.Lines(label) {
		if at, found := strings.CutPrefix(line, "CHECKPOINT LOCATION: "); found {
			var err error
			if b.start.checkpoint, err = wal.ParseLSN(strings.TrimSpace(at)); err != nil {
				return err
			}
		}
		if number, found := strings.CutPrefix(line, "START TIMELINE: "); found {
			if _, err := fmt.Sscanf(number, "%d", &timeline); err != nil {
				return failure.New(failure.Unknown, "backup_label: %q names no timeline", line)
			}
		}
	}
	if timeline != b.start.timeline || b.stop.timeline != b.start.timeline {
		return failure.New(failure.CheckFailed, "the timeline changed under the backup: label %d, begin %d, end %d",
			timeline, b.start.timeline, b.stop.timeline).WithHint("take the backup again")
	}
	if b.start.checkpoint == 0 {
		return failure.New(failure.Unknown, "backup_label names no checkpoint")
	}
	return nil
}
