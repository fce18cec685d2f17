package walship

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// Push archives the file at path (PostgreSQL's %p: relative to the data
// directory, or inside it). It returns nil once archive.require is met; then the
// file may be recycled. Pushed twice, the same content is success; other content
// under the same name is failure.Exists. Errors: InvalidInput (not a WAL file),
// Corrupt (not whole), IdentityMismatch (another cluster's), Unavailable (no
// store answers: PostgreSQL keeps the segment and tries again).
func (a *Archiver) Push(ctx context.Context, path string) error {
	name := filepath.Base(path)
	err := a.push(ctx, name, path)
	a.meter.update(func(s *Status) {
		if err != nil {
			s.Refused++
			return
		}
		s.Archived, s.LastArchived, s.LastPush = s.Archived+1, name, time.Now().UTC()
	})
	return failure.Wrap(failure.ClassOf(err), err, "archive %s", name)
}

func (a *Archiver) push(ctx context.Context, name, path string) error {
	read, err := readArchivable(a.settings, path)
	if err == nil {
		err = checkContent(a.place, read.file, read.content)
	}
	if err != nil {
		if !failure.Is(err, failure.Unavailable) {
			a.report.raise(EventRefused, "", name, err.Error())
		}
		return err
	}
	err = a.pushContent(ctx, read.file, name, read.content)
	if err != nil && !errors.Is(err, errSpoolOnly) {
		return err
	}
	if err == nil && read.file.Kind == wal.FileSegment {
		a.recent.add(read.file.Segment, read.written)
	}
	a.report.clear(EventRefused, EventRefused, "", "archiving goes on")
	return nil
}

// errSpoolOnly says that PostgreSQL may go on although no store holds the file: the
// spool does, and room under pg_wal is short. Whoever builds on stores must not.
var errSpoolOnly = failure.New(failure.Unavailable, "only this host's spool holds it")

// pushContent archives a file whose content was checked. nil means that the stores
// hold it as archive.require asks.
func (a *Archiver) pushContent(ctx context.Context, file wal.FileName, name string, content []byte) error {
	p := parcel{key: a.place.fileKey(file, name, content), versions: a.place.versions(file, name)}
	p.seal = a.sealing(ctx, p.key, content)
	if suffixOf(file.Kind) == clearSuffix {
		p.seal = ready(content)
	}
	if other, waits := a.spool.other(p.versions, p.key); waits {
		err := failure.New(failure.Exists, "the spool holds other content under this name: %s", other)
		a.report.conflict(p.name(), "", p.key, err)
		return err
	}
	return a.judge(p, a.offer(ctx, p, func(storeName string, err error) { a.late(p, storeName, err) }))
}

// sealing seals content under a key, unless it waits for a store under this key:
// then the sealing that waits is taken, so that no store gets another one.
func (a *Archiver) sealing(ctx context.Context, key string, content []byte) *sealing {
	return newSealing(func() ([]byte, error) {
		if e, waits := a.spool.entry(key); waits {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.settings.Archive.Timeout)
			defer cancel()
			// What cannot be read is sealed anew: two sealings of the same bytes are
			// better than none.
			if body, err := a.bytesOf(ctx, e); err == nil {
				return body, nil
			}
		}
		return a.seal(content, key)
	})
}

// pushPiece ships bytes of the stream. nil means that the stores hold them as
// archive.require asks, or that a whole segment which holds them was archived
// meanwhile. A piece that no store takes stays in the server's slot, not in the spool.
func (a *Archiver) pushPiece(ctx context.Context, seg wal.Segment, from wal.LSN, content []byte) error {
	if a.recent.has(seg) {
		return nil
	}
	p := parcel{key: a.place.pieceKey(seg, from, content)}
	p.seal = a.sealing(ctx, p.key, content)
	out := a.offer(ctx, p, func(storeName string, err error) { a.late(p, storeName, err) })
	if len(out.held) == 0 {
		return out.err
	}
	return a.judge(p, out)
}

// pushBeats stores a heartbeat object, which is not encrypted. What no store
// takes stays in the heartbeat log.
func (a *Archiver) pushBeats(ctx context.Context, key string, body []byte) error {
	p := parcel{key: key, seal: ready(body)}
	out := a.offer(ctx, p, func(storeName string, err error) { a.late(p, storeName, err) })
	if len(out.held) == 0 {
		return out.err
	}
	return a.judge(p, out)
}

// late takes a store's answer that came after the push was acknowledged.
func (a *Archiver) late(p parcel, storeName string, err error) {
	if failure.Is(err, failure.Exists) {
		a.report.conflict(p.name(), storeName, p.key, err)
	}
	if err == nil {
		a.settle(p, storeName)
	}
}

// judge decides whether what the stores said acknowledges the push, and keeps in
// the spool what is still to be done.
func (a *Archiver) judge(p parcel, out outcome) error {
	if err := out.conflict(); err != nil {
		a.report.conflict(p.name(), "", p.key, err)
		return err
	}
	if len(out.lacking) == 0 {
		a.report.clear(EventStoresDown, EventStoreCaughtUp, "", "stores answer again")
		a.settle(p, out.held...)
		a.report.agreed(p.name(), "")
		return nil
	}
	if len(out.held) == 0 {
		return a.holdOrSpool(p, out)
	}
	if a.settings.Archive.Require == settings.RequireAll {
		return a.refuse(p, out)
	}
	a.report.clear(EventStoresDown, EventStoreCaughtUp, "", "a store answers again")
	a.leave(p, out)
	return nil
}

// refuse does not acknowledge what some stores lack where all must hold it. Of a
// file, which PostgreSQL offers again as it is, the sealing that some hold is
// brought to the others meanwhile; pieces and heartbeats grow before the next try.
func (a *Archiver) refuse(p parcel, out outcome) error {
	if p.versions != "" {
		a.leave(p, out)
	}
	err := failure.New(failure.Unavailable, "stores %v do not hold it, and archive.require is all", out.lacking).
		WithHint("bring these stores back; PostgreSQL keeps the segment until then")
	err.Cause = out.err
	a.report.raise(EventStoresDown, "", p.key, err.Error())
	return err
}

// leave leaves to the repairer what some stores lack and others hold. That it is
// so stays known even where the spool cannot be written, as long as this process lives.
func (a *Archiver) leave(p parcel, out outcome) {
	if err := a.keep(p, out); err != nil {
		a.report.raise(EventSpoolFull, "", p.key, fmt.Sprintf(
			"%s; that stores %v lack objects is known to this process only, and forgotten when it ends before its spool can be written", err, out.lacking))
	}
	for _, name := range out.lacking {
		if a.isDown(name) {
			a.report.raise(EventStoreBehind, name, p.key, "store lacks objects that another store holds; they are repaired when it answers")
		}
	}
}

func (a *Archiver) isDown(name string) bool {
	return slices.ContainsFunc(a.shelves, func(s *shelf) bool { return s.Name() == name && s.down.Load() })
}

// holdOrSpool is the declared choice for when no store answers. Either way the
// bytes are kept in the spool, so that they are on their way the moment one does.
func (a *Archiver) holdOrSpool(p parcel, out outcome) error {
	a.report.raise(EventStoresDown, "", p.key, "no store answers: "+out.err.Error())
	kept := a.keep(p, out)
	if _, sealing := p.seal.get(); sealing == nil && kept != nil {
		a.report.raise(EventSpoolFull, "", p.key, kept.Error())
	}
	if kept != nil || a.settings.Archive.OnStoresDown == settings.Hold || !a.headroomGone() {
		return failure.Wrap(failure.Unavailable, out.err, "no store answers; PostgreSQL keeps the segment")
	}
	a.report.raise(EventSpoolOnly, "", p.key, "pg_wal is short of space: "+spoolOnly)
	return errSpoolOnly
}

// keep puts into the spool what stores lack, with the bytes: another store's copy may be
// another sealing, or none of ours. What the spool has already is not sealed again.
func (a *Archiver) keep(p parcel, out outcome) error {
	e := entry{Key: p.key, Versions: p.versions, Lacking: out.lacking, Queued: time.Now().UTC()}
	elsewhere := len(out.held) > 0
	known, err := a.spool.owe(e, elsewhere)
	if !known {
		var parcel sealed
		if parcel, err = p.seal.get(); err == nil {
			err = a.spool.add(e, parcel.body, elsewhere)
		}
	}
	if err != nil {
		return err
	}
	if _, left := a.spool.persist(); left == 0 {
		a.report.clear(EventSpoolFull, EventStoreCaughtUp, "", "the spool can be written again")
	}
	return nil
}

// settle notes that stores hold the parcel. Where the spool cannot be written it
// goes on knowing otherwise, and the next process offers the parcel once more: that
// changes nothing and holds up nobody.
func (a *Archiver) settle(p parcel, names ...string) {
	for _, name := range names {
		if err := a.spool.settle(p.key, name); err != nil {
			a.report.raise(EventSpoolFull, "", p.key, "the spool cannot forget what stores hold: "+err.Error())
			return
		}
	}
	if _, waits := a.spool.entry(p.key); !waits {
		a.report.agreed(p.name(), p.key)
	}
	if objects, _ := a.spool.totals(); objects == 0 {
		a.report.clear(EventSpoolFull, EventStoreCaughtUp, "", "the spool is empty")
	}
}
