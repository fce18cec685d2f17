package postgres

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// restPatience is how long a fence waits for the last work to reach a store, and
// lookPatience how long each time for a store to say what it holds.
const (
	restPatience = time.Minute
	lookPatience = 10 * time.Second
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
	backups, err := a.backupsOf(ctx, t, id.SystemID)
	if err != nil {
		return err
	}
	log := walship.Cluster{Source: t.database.Name, SystemID: id.SystemID, SegmentSize: identity.SegmentSize, Stores: a.Stores}
	return awaitHeld(ctx, log, id.Timeline, backups, lsn)
}

// awaitHeld is awaitRest with what it needs to know.
func awaitHeld(ctx context.Context, log walship.Cluster, tli wal.Timeline, backups []*archive.Postgres, lsn wal.LSN) error {
	var reached wal.LSN
	var trouble error
	err := waitFor(ctx, "the last work to reach a store", func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, lookPatience)
		defer cancel()
		var history wal.History
		if history, trouble = walship.FindHistory(ctx, log, tli); trouble != nil {
			return false, nil //nolint:nilerr // not yet: it is said when time is over
		}
		path := history.Path()
		var held wal.LSN
		held, trouble = walship.HeldUpTo(ctx, log, path, max(reached, replayStart(path, backups, log.SegmentSize, lsn)), lsn)
		reached = max(reached, held)
		return reached >= lsn, nil
	})
	if err != nil && trouble != nil {
		err = trouble
	}
	return failure.Wrap(failure.ClassOf(err), err, "the stores hold WAL without a hole up to %s only, the last work ends at %s", reached, lsn)
}

// replayStart is where recovery to lsn begins: at the newest backup on the way. Without
// one it is the segment that lsn ends in: nothing recovers from before it.
func replayStart(path wal.Path, backups []*archive.Postgres, size wal.SegmentSize, lsn wal.LSN) wal.LSN {
	var start wal.LSN
	for _, one := range backups {
		if one.StopLSN <= lsn && path.Reached(one.Timeline, one.StopLSN) {
			start = max(start, one.StartLSN)
		}
	}
	if start == 0 {
		start = size.Start(segmentOf(size, path.Target(), lsn))
	}
	return start
}

// backupsOf lists the base backups of a cluster that may be restored.
func (a *Activities) backupsOf(ctx context.Context, t target, system wal.SystemID) ([]*archive.Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	listing, err := archive.List(ctx, a.Stores, t.database.Name, a.Trust)
	if err != nil {
		return nil, err
	}
	var backups []*archive.Postgres
	for _, set := range listing.Sets {
		if p := set.Descriptor.Attributes.Postgres; p != nil && p.SystemID == system && !set.Descriptor.Damaged {
			backups = append(backups, p)
		}
	}
	return backups, nil
}
