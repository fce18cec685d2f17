package walship

import (
	"context"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// askLimit bounds how long a session asks stores what they hold before it begins.
// What a silent store holds is then shipped again.
const askLimit = 5 * time.Second

// position is where to stream from.
type position struct {
	timeline wal.Timeline
	from     wal.LSN
	flushed  wal.LSN   // the server's own position when it was asked; zero: it was not
	asked    time.Time // when that was
	since    time.Time // where it was not: nothing that is to come was written before
	path     wal.Path  // to the server's timeline
}

func (t *tail) dial(ctx context.Context) (*replication, position, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	kept, err := t.ensureSlot(ctx)
	if err != nil {
		return nil, position{}, err
	}
	link, err := openReplication(ctx, t.conn)
	if err != nil {
		return nil, position{}, err
	}
	where, err := t.whereFrom(ctx, link, kept)
	if err != nil {
		link.close(ctx)
		return nil, position{}, err
	}
	return link, where, nil
}

// whereFrom decides where to begin: at the first position that stores lack, on the
// timeline whose copy of that segment recovery reads. Where a timeline begins inside
// a segment that is the new one, from the segment's start: its copy there begins with
// the old one's bytes, and the server sends it (StartReplication in walsender.c).
func (t *tail) whereFrom(ctx context.Context, link *replication, kept wal.LSN) (position, error) {
	asked := time.Now()
	id, err := link.identify(ctx)
	if err != nil {
		return position{}, err
	}
	if id.system != t.settings.SystemID {
		return position{}, failure.New(failure.IdentityMismatch, "the server is system %s, this source is system %s", id.system, t.settings.SystemID).
			WithHint("correct database.conn or system_id in the settings")
	}
	path, err := t.pathTo(ctx, link, id.timeline)
	if err != nil {
		return position{}, err
	}
	if kept == 0 || kept > id.flushed { // of no position yet, or of another history
		kept = t.segmentStart(id.flushed)
	}
	link.kept = kept
	from, err := t.firstUnheld(ctx, path, kept, id.flushed)
	if err != nil {
		return position{}, err
	}
	t.reached = position{timeline: t.segmentOn(path, from).Timeline, from: from, flushed: id.flushed, asked: asked, path: path}
	return t.reached, nil
}

// pathTo returns the way to a timeline, and stores its history.
func (t *tail) pathTo(ctx context.Context, link *replication, tli wal.Timeline) (wal.Path, error) {
	if tli == 1 {
		return wal.History{Timeline: tli}.Path(), nil
	}
	text, err := link.history(ctx, tli)
	if err != nil {
		return nil, err
	}
	if err := t.storeHistory(ctx, tli, text); err != nil {
		return nil, err
	}
	history, err := wal.ParseHistory(tli, text)
	return history.Path(), err
}

// storeHistory stores a timeline's history file. PostgreSQL archives it too;
// whoever comes second finds it there.
func (t *tail) storeHistory(ctx context.Context, tli wal.Timeline, text []byte) error {
	return t.archiver.pushContent(ctx, wal.FileName{Kind: wal.FileHistory, Timeline: tli}, wal.HistoryName(tli), text)
}

func (t *tail) segmentStart(at wal.LSN) wal.LSN {
	size := t.settings.SegmentSizeBytes
	return size.Start(size.SegmentAt(0, at))
}

// segmentOn returns the segment that recovery along path reads position at from.
func (t *tail) segmentOn(path wal.Path, at wal.LSN) wal.Segment {
	tli := path.Target()
	if ranges := path.Ranges(t.settings.SegmentSizeBytes, at, at+1); len(ranges) > 0 {
		tli = ranges[0].Timeline
	}
	return t.settings.SegmentSizeBytes.SegmentAt(tli, at)
}

// firstUnheld returns the first position that the stores which archive.require asks
// for do not hold, in whole segments or pieces from a segment's start on. What the
// last session shipped is known, and what was archived since; otherwise the stores
// are asked, from the first position that is in doubt. Nothing is skipped over because
// it will be archived some day: until then a recovery ends before it.
func (t *tail) firstUnheld(ctx context.Context, path wal.Path, kept, flushed wal.LSN) (wal.LSN, error) {
	at := t.reached.from
	remembered := at != 0 && at <= flushed && t.segmentOn(path, at).Timeline == t.reached.timeline
	if !remembered {
		first, err := t.doubted(path, 0, kept)
		if err != nil {
			return 0, err
		}
		at = t.segmentStart(first)
	}
	at = t.skipArchived(path, at, flushed)
	if remembered && flushed-at < bufferSegments*wal.LSN(t.settings.SegmentSizeBytes) { // not worth asking
		return at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	held, _ := t.held(ctx, path, at, kept, flushed) // less than there is where a store is silent: shipped again
	return t.skipArchived(path, max(at, held), flushed), nil
}

// skipArchived steps over the segments that were archived lately.
func (t *tail) skipArchived(path wal.Path, at, flushed wal.LSN) wal.LSN {
	for {
		seg := t.segmentOn(path, at)
		next := t.settings.SegmentSizeBytes.Start(seg.Next())
		if next > flushed || !t.archiver.recent.has(seg) {
			return at
		}
		at = next
	}
}

// doubted returns the first position behind another that may be in no store: where the
// slot stands, a segment that PostgreSQL has still to hand over, or one that only the
// spool has. The slot may have been made anew in front of those.
func (t *tail) doubted(path wal.Path, behind, kept wal.LSN) (wal.LSN, error) {
	waiting, err := unarchived(t.settings)
	for _, seg := range append(waiting, t.archiver.owed()...) {
		start := t.settings.SegmentSizeBytes.Start(seg)
		if start > behind && start < kept && t.segmentOn(path, start) == seg {
			kept = start
		}
	}
	return kept, err
}

// held asks the stores. Nothing is opened, and who can write to one can put a piece
// there: behind what the slot says was shipped only whole segments count.
func (t *tail) held(ctx context.Context, path wal.Path, from, kept, until wal.LSN) (wal.LSN, error) {
	return holding{Cluster: t.archiver.cluster(), copies: t.archiver.copies(), pieces: kept}.upTo(ctx, path, from, until)
}

// since is the earliest that what comes first in a session may have been written:
// after the last session had all safe, and after the archived segment before it was
// written to last. Without either, when its own segment was last written to: it is that
// old at least. Zero where nothing was written that stores lack.
func (t *tail) since(where position) time.Time {
	if where.from >= where.flushed {
		return where.since
	}
	size := t.settings.SegmentSizeBytes
	lacking := size.SegmentAt(where.timeline, where.from)
	since := later(t.settled, t.archiver.recent.writtenBehind(lacking, where.timeline))
	if since.IsZero() {
		since = lastWrite(filepath.Join(t.settings.DataDir, "pg_wal", size.Name(lacking)))
	}
	return since
}
