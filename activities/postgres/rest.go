package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// restPatience is how long a fence waits for the last work to reach a store, and
// historyPatience how long each time for stores to show a timeline's history.
const (
	restPatience    = time.Minute
	historyPatience = 10 * time.Second
)

// awaitRest returns once the stores have everything up to lsn, with no hole since the
// newest backup: what is chosen next is chosen from there, and "latest" must not end
// before the fence. It only reads.
func (a *Activities) awaitRest(ctx context.Context, t target, c *cluster.Cluster, id Identity, lsn wal.LSN) error {
	ctx, cancel := context.WithTimeout(ctx, restPatience)
	defer cancel()
	identity, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	log := walship.Cluster{Source: t.database.Name, SystemID: id.SystemID, SegmentSize: identity.SegmentSize, Stores: a.Stores}
	return awaitHeld(ctx, log, id.Timeline, listBackups(ctx, log, a.Trust), lsn)
}

// rest is the wait for the last work, and what it has found out.
type rest struct {
	log     walship.Cluster
	backups *backupLists
	lsn     wal.LSN

	path    wal.Path // nil: not known yet
	start   wal.LSN  // from where on stores are asked; 0: not yet
	reached wal.LSN  // they hold all from start up to here
	known   bool     // a look has ended: beyond reached they hold nothing
	trouble error    // why the last look has not
}

// awaitHeld is awaitRest with what it needs to know. While backups are being listed it
// waits for the segment that lsn ends in: that one is needed whichever is chosen.
func awaitHeld(ctx context.Context, log walship.Cluster, tli wal.Timeline, backups *backupLists, lsn wal.LSN) error {
	r := rest{log: log, backups: backups, lsn: lsn}
	err := waitFor(ctx, "the last work to reach a store", func(ctx context.Context) (bool, error) { return r.look(ctx, tli) })
	if err == nil {
		return nil
	}
	return r.verdict(err)
}

// look asks stores once, and says whether there is nothing more to wait for.
func (r *rest) look(ctx context.Context, tli wal.Timeline) (done bool, err error) {
	if r.path == nil {
		if r.path, r.trouble = findPath(ctx, r.log, tli); r.trouble != nil {
			return false, nil //nolint:nilerr // not yet: it is said when time is over
		}
	}
	lists := r.backups.snapshot()
	start, onTheWay := replayStart(r.path, lists.backups, r.log.SegmentSize, r.lsn)
	if start != r.start { // a list has come meanwhile
		r.start, r.reached, r.known = start, start, false
	}
	held, trouble := walship.HeldUpTo(ctx, r.log, r.path, r.reached, r.lsn)
	r.reached = max(r.reached, held)
	if trouble == nil || !r.known || ctx.Err() == nil { // one that is cut short takes nothing back
		r.known, r.trouble = trouble == nil, trouble
	}
	if r.reached < r.lsn || (!onTheWay && !lists.ended) {
		return false, nil
	}
	if onTheWay {
		return true, nil
	}
	return true, lists.err // nothing recovers from before, unless a store that did not answer knows better
}

// verdict says what is known when there is nothing more to wait for, err being why.
func (r *rest) verdict(err error) error {
	trouble := cmp.Or(r.trouble, r.backups.snapshot().err)
	class := failure.ClassOf(cmp.Or(trouble, err))
	switch {
	case r.known && trouble == nil:
		return failure.Wrap(class, err, "the stores hold WAL without a hole up to %s only, the last work ends at %s", r.reached, r.lsn)
	case r.reached <= r.start:
		return failure.Wrap(class, cmp.Or(trouble, err), "unknown whether the stores hold the last work, which ends at %s", r.lsn)
	}
	return failure.Wrap(class, cmp.Or(trouble, err), "unknown whether the stores hold all that a recovery to the last work needs, which ends at %s: known is that they hold WAL from %s to %s",
		r.lsn, r.start, r.reached)
}

// findPath returns the way to a timeline.
func findPath(ctx context.Context, log walship.Cluster, tli wal.Timeline) (wal.Path, error) {
	ctx, cancel := context.WithTimeout(ctx, historyPatience)
	defer cancel()
	history, err := walship.FindHistory(ctx, log, tli)
	if err != nil {
		return nil, err
	}
	return history.Path(), nil
}

// replayStart is where recovery to lsn begins: at the newest backup on the way, where
// there is one. Without it is the start of the segment that lsn ends in: nothing
// recovers from before it.
func replayStart(path wal.Path, backups []*archive.Postgres, size wal.SegmentSize, lsn wal.LSN) (start wal.LSN, onTheWay bool) {
	for _, one := range backups {
		if one.StopLSN <= lsn && path.Reached(one.Timeline, one.StopLSN) {
			start, onTheWay = max(start, one.StartLSN), true
		}
	}
	if !onTheWay {
		start = size.Start(segmentOf(size, path.Target(), lsn))
	}
	return start, onTheWay
}

// backupLists are the base backups of a cluster that may be restored, store by store as
// they list them. All that is held since the newest of one store is held since the newest
// of all.
type backupLists struct {
	mutex   sync.Mutex
	waiting []string // stores that have not said all
	backups []*archive.Postgres
	err     error // why the first that did not answer did not
}

// backupsListed is what is known of backups at one time.
type backupsListed struct {
	backups []*archive.Postgres
	ended   bool  // every store has answered, or will not
	err     error // which has not; nil: they are all there are
}

// listBackups begins to list the backups of a cluster, until ctx ends.
func listBackups(ctx context.Context, log walship.Cluster, trusted keyring.Trust) *backupLists {
	lists := &backupLists{}
	for _, one := range log.Stores {
		lists.waiting = append(lists.waiting, one.Name())
	}
	for _, one := range log.Stores {
		go func() {
			backups, err := backupsIn(ctx, log, one, trusted)
			lists.add(one.Name(), backups, err)
		}()
	}
	return lists
}

func backupsIn(ctx context.Context, log walship.Cluster, from store.Store, trusted keyring.Trust) ([]*archive.Postgres, error) {
	listing, err := archive.List(ctx, []store.Store{from}, log.Source, trusted)
	if err != nil {
		return nil, failure.Wrap(failure.ClassOf(err), err, "list backups in %s", from.Name())
	}
	var backups []*archive.Postgres
	for _, set := range listing.Sets {
		if p := set.Descriptor.Attributes.Postgres; p != nil && p.SystemID == log.SystemID && !set.Descriptor.Damaged {
			backups = append(backups, p)
		}
	}
	return backups, nil
}

func (l *backupLists) add(from string, backups []*archive.Postgres, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(name string) bool { return name == from })
	l.backups = append(l.backups, backups...)
	l.err = cmp.Or(l.err, err)
}

func (l *backupLists) snapshot() backupsListed {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	known := backupsListed{backups: slices.Clone(l.backups), ended: len(l.waiting) == 0, err: l.err}
	if !known.ended && known.err == nil {
		known.err = failure.New(failure.Unavailable, "the backups in %s are not listed yet", strings.Join(l.waiting, ", "))
	}
	return known
}
