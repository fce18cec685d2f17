package replica

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const pollInterval = 50 * time.Millisecond

// start starts the server in the replica's place; a running one is left alone.
func (r *rebuild) start(ctx context.Context, want cluster.Expected) (*cluster.Cluster, cluster.Identity, error) {
	if err := r.before("start the replica"); err != nil {
		return nil, cluster.Identity{}, err
	}
	c, err := r.config.at(r.config.dataDir())
	if err != nil {
		return nil, cluster.Identity{}, err
	}
	identity, err := c.Require(ctx, want)
	if err != nil {
		return nil, identity, err
	}
	if err := c.Start(ctx, cluster.StartOptions{}); err != nil {
		return nil, identity, err
	}
	_, err = c.WaitReady(ctx)
	return c, identity, err
}

// stream starts the new replica and waits until the primary sees it stream
// through its slot, close behind.
func (r *rebuild) stream(ctx context.Context) (Replica, error) {
	c, identity, err := r.start(ctx, r.config.Primary)
	if err != nil {
		return Replica{}, err
	}
	replica := Replica{Identity: identity, OldDir: r.config.oldDir()}
	err = r.config.Admin.Do(ctx, func(conn *pgx.Conn) error {
		if err := r.requirePrimary(ctx, conn); err != nil {
			return err
		}
		replica.Lag, err = r.follow(ctx, conn, c)
		return err
	})
	if err != nil {
		return replica, failure.Wrap(failure.ClassOf(err), err, "wait for the replica to stream; its log ends: %s", c.LogTail(1000))
	}
	return replica, nil
}

// follow takes a position flushed on the primary and measures how long until the
// replica has replayed it: a lag that also an idle primary shows. A replica that
// takes longer than MaxLag is behind, and is asked again with a new position.
func (r *rebuild) follow(ctx context.Context, conn *pgx.Conn, c *cluster.Cluster) (time.Duration, error) {
	var mark wal.LSN
	var marked time.Time
	var lag time.Duration
	err := pg.Poll(ctx, "the replica to stream close behind its primary", pollInterval, func(ctx context.Context) (bool, error) {
		if err := r.stillThere(ctx, c); err != nil {
			return false, err
		}
		now, replayed, streaming, err := r.positions(ctx, conn)
		if err != nil {
			return false, err
		}
		lag = time.Since(marked)
		if !streaming || mark == 0 || lag > r.config.MaxLag {
			mark, marked = now, time.Now()
			return false, nil
		}
		return replayed >= mark, nil
	})
	return lag, err
}

// positions asks the primary, which the replica cannot deceive about streaming.
func (r *rebuild) positions(ctx context.Context, conn *pgx.Conn) (now, replayed wal.LSN, streaming bool, err error) {
	var flushed, applied string
	err = conn.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text, coalesce(r.replay_lsn, '0/0')::text, coalesce(r.state = 'streaming', false)
		FROM (SELECT) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = $1
		LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid`, r.config.Slot).Scan(&flushed, &applied, &streaming)
	if err != nil {
		return 0, 0, false, pg.Classify(err, "ask the primary about its replica")
	}
	if now, err = wal.ParseLSN(flushed); err != nil {
		return 0, 0, false, err
	}
	replayed, err = wal.ParseLSN(applied)
	return now, replayed, streaming, err
}

func (r *rebuild) stillThere(ctx context.Context, c *cluster.Cluster) error {
	process, err := c.Process(ctx)
	if err == nil && process.Life == cluster.Stopped {
		return failure.New(failure.Unavailable, "the replica's server ended").WithHint("read %s", c.LogFile)
	}
	return err
}

// resume starts the old replica.
func (r *rebuild) resume(ctx context.Context) (Restored, error) {
	if _, err := r.requireOldReplica(ctx, r.config.dataDir()); err != nil {
		return Restored{}, err
	}
	_, identity, err := r.start(ctx, r.anyOf())
	if err != nil {
		return Restored{}, err
	}
	restored := Restored{Identity: identity}
	kept, err := place.Exists(r.config.rebuiltDir())
	if kept {
		restored.KeptDir = r.config.rebuiltDir()
	}
	if err != nil {
		return restored, err
	}
	restored.SlotLeft = r.dropSlot(ctx)
	return restored, nil
}
