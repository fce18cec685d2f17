package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Replay starts the restored cluster, isolated from everything, applies WAL up to
// the target and stops there, still recovering. What was reached is compared with
// what was asked before it returns. Killed, it goes on: a server that still
// replays is followed, one that stands at its target is looked at again.
func (a *Activities) Replay(ctx context.Context, in ReplayInput) (Replayed, error) {
	replayed, err := a.replay(ctx, in)
	return replayed, boundary.Out(err)
}

func (a *Activities) replay(ctx context.Context, in ReplayInput) (Replayed, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	begin := time.Now()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Replayed{}, err
	}
	c, err := t.open(Restored)
	if err != nil {
		return Replayed{}, err
	}
	feed, err := a.feed(ctx, t, in.Choice, in.Released)
	if err != nil {
		return Replayed{}, err
	}
	defer feed.stop()
	aim := aimOf(in.Choice)
	if err := a.configure(ctx, t, c, aim, feed.command); err != nil {
		return Replayed{}, err
	}
	reached, err := replay.Run(ctx, c, aim, replay.Options{Superuser: t.database.Superuser, Progress: func(p replay.Progress) { beat.Report(p) }})
	if err != nil {
		return Replayed{Repairs: feed.repairs()}, err
	}
	out := Replayed{Bytes: reached.Bytes, Took: time.Since(begin), Repairs: feed.repairs()}
	if out.Reached, err = t.reached(ctx, c, reached); err != nil {
		return out, err
	}
	return out, recovery.CompareReached(in.Choice, out.Reached)
}

// configure isolates the cluster and aims it, unless an earlier attempt did and
// its server is at work already.
func (a *Activities) configure(ctx context.Context, t target, c *cluster.Cluster, aim replay.Target, command string) error {
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == cluster.Running {
		return nil
	}
	return replay.Configure(ctx, c, replay.Config{Target: aim, RestoreCommand: command, Superuser: t.database.Superuser})
}

// aimOf is the choice's target in PostgreSQL's terms. "latest" ends where the WAL
// was proved to end.
func aimOf(choice recovery.Choice) replay.Target {
	aim := replay.Target{
		Time: choice.Target.Time, LSN: choice.Target.LSN, Name: choice.Target.Name,
		Inclusive: choice.Target.Inclusive, Timeline: choice.TargetTimeline,
	}
	switch choice.Target.Kind {
	case recovery.TargetTime:
		aim.Kind = replay.ByTime
	case recovery.TargetLSN:
		aim.Kind = replay.ByLSN
	case recovery.TargetName:
		aim.Kind = replay.ByName
	case recovery.TargetLatest:
		aim.Kind, aim.LSN = replay.Latest, choice.ExpectedReach.LSN
	}
	return aim
}

// reached completes what replay says with identity and newest heartbeat, read
// from the paused cluster itself.
func (t target) reached(ctx context.Context, c *cluster.Cluster, at replay.Reached) (recovery.Reached, error) {
	identity, err := c.Identity(ctx)
	if err != nil {
		return recovery.Reached{}, err
	}
	out := recovery.Reached{SystemID: identity.SystemID, Timeline: at.Timeline, LSN: at.LSN, LastCommitTime: at.LastCommitAt, Paused: at.Paused}
	server, err := t.server(Restored)
	if err != nil {
		return out, err
	}
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		rows, err := heartbeat.Read(ctx, conn, 1)
		if len(rows) == 1 {
			newest := heartbeatOf(rows[0])
			out.Newest = &newest
		}
		return err
	})
	if failure.Is(err, failure.NotFound) {
		return out, nil // the database was never enrolled: the point reached is unknown
	}
	return out, err
}

// Promote ends recovery of the restored cluster where it was checked, and proves
// the new timeline by its history file. A cluster that is promoted already gives
// the same answer again; one whose server ended is first brought back to where it was
// checked.
func (a *Activities) Promote(ctx context.Context, in PromoteInput) (Promoted, error) {
	promoted, err := permitted(ctx, a, in.Where, in.promoting(), func() (Promoted, error) { return a.promote(ctx, in) })
	return promoted, boundary.Out(err)
}

func (a *Activities) promote(ctx context.Context, in PromoteInput) (Promoted, error) {
	defer pulse.Start(ctx).Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Promoted{}, err
	}
	c, err := t.open(Restored)
	if err != nil {
		return Promoted{}, err
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return Promoted{}, err
	}
	// A promotion asks for a next segment and a next timeline once more.
	feed, err := a.feed(ctx, t, in.Choice, in.Released)
	if err != nil {
		return Promoted{}, err
	}
	defer feed.stop()
	done, err := replay.Promote(ctx, c, cluster.Of(identity), aimOf(in.Choice), t.database.Superuser, replay.Reached{
		Timeline: in.Reached.Timeline, LSN: in.Reached.LSN, LastCommitAt: in.Reached.LastCommitTime, Paused: in.Reached.Paused,
	})
	if err != nil {
		return Promoted{}, err
	}
	return Promoted{
		Identity: Identity{SystemID: identity.SystemID, Timeline: done.Timeline, Incarnation: identity.Incarnation}, Switch: done.Switch,
		Repairs: feed.repairs(),
	}, nil
}

// BackUp makes a base backup of the serving cluster. Run again for the same run it
// resumes the same set, uploads nothing twice, and returns a finished one as it is. A
// recovered service waits for it, so it is tried again by itself only until it was tried
// in vain for half a minute (trials).
func (a *Activities) BackUp(ctx context.Context, in BackupInput) (BackedUp, error) {
	trial := newTrial()
	done, err := a.backUp(ctx, in, trial)
	return done, a.backups.settle(in, trial, err)
}

// waitFor polls until look says yes, an error, or ctx ends.
func waitFor(ctx context.Context, what string, look func(context.Context) (bool, error)) error {
	return pg.Poll(ctx, what, 300*time.Millisecond, look)
}

// segmentOf is the segment that holds the last byte before lsn.
func segmentOf(size wal.SegmentSize, tli wal.Timeline, lsn wal.LSN) wal.Segment {
	return size.SegmentAt(tli, lsn-1)
}

func rangeOf(segment wal.Segment) wal.Range {
	return wal.Range{Timeline: segment.Timeline, First: segment.Number, Last: segment.Number}
}

func describeSegment(size wal.SegmentSize, segment wal.Segment) string {
	return fmt.Sprintf("segment %s in a store", size.Name(segment))
}
