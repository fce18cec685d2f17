package replay

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Promoted is the new timeline, proved.
type Promoted struct {
	Timeline wal.Timeline `json:"timeline"`
	Parent   wal.Timeline `json:"parent"`
	Switch   wal.LSN      `json:"switch"` // where the new timeline begins
}

const promoteLimit = 5 * time.Minute

// Promote ends recovery of the cluster where it stands, and proves the new timeline by
// its history file. reached is what Run returned for target: recovery standing elsewhere
// is refused with TargetMissed before anything changes. A server that ended meanwhile is
// started again and brought back there first, as Run would; a promotion that an earlier
// call asked for is waited for; and a cluster that is promoted already gives the same
// answer again. Errors are those of Run besides: after Unavailable it may be called again.
func Promote(ctx context.Context, c *cluster.Cluster, want cluster.Expected, target Target, superuser string, reached Reached) (Promoted, error) {
	if _, err := c.Require(ctx, want); err != nil {
		return Promoted{}, err
	}
	if target.Kind == Latest {
		target.LSN = reached.LSN // what was checked: no more is asked for
	}
	ctx, cancel := context.WithTimeout(ctx, promoteLimit)
	defer cancel()
	f, err := follow(ctx, c, target, Options{Superuser: superuser})
	if err != nil {
		return Promoted{}, err
	}
	p := &promoter{follower: f, reached: reached}
	if err := p.ended(ctx, pg.Poll(ctx, "the promotion", pollInterval, p.look)); err != nil {
		return Promoted{}, failure.Wrap(failure.ClassOf(err), err, "promote %s", c.DataDir)
	}
	var timeline wal.Timeline
	err = f.server.Do(ctx, func(conn *pgx.Conn) error {
		var err error
		timeline, err = pg.LiveTimeline(ctx, conn)
		return err
	})
	if err != nil {
		return Promoted{}, pg.Classify(err, "promote %s", c.DataDir)
	}
	return proved(c.DataDir, timeline, reached)
}

// promoter follows a server from where it stands to the end of its recovery.
type promoter struct {
	*follower

	reached Reached
	asked   bool // this call asked the server to promote
}

// look promotes once replay is paused where it was checked, whatever the log says of it.
// Replay that is not may be on its way there, or be ending already: then there is nothing
// to do but to look again.
func (p *promoter) look(ctx context.Context) (bool, error) {
	now, answered, err := p.state(ctx)
	if err != nil || !answered {
		return false, err
	}
	if !now.recovering || p.asked {
		return !now.recovering, nil
	}
	if now.paused && now.lsn == p.reached.LSN {
		p.asked = true
		return false, p.promote(ctx)
	}
	return false, p.bring(ctx, now)
}

func (p *promoter) promote(ctx context.Context) error {
	return p.server.Do(ctx, func(conn *pgx.Conn) error { return pg.Exec(ctx, conn, "promote", "SELECT pg_promote(false)") })
}

// bring has replay pause that came to the end of "latest", and refuses one that stands
// elsewhere than where it was checked.
func (p *promoter) bring(ctx context.Context, now state) error {
	stands, err := p.stands(ctx, now)
	if pg.StateOf(err) == stateOngoing {
		p.asked = true
		return nil
	}
	if err != nil || !stands {
		return err
	}
	return failure.New(failure.TargetMissed, "recovery stands at %s, not at %s where it was checked", now.lsn, p.reached.LSN).
		WithHint("run the replay and the checks again before promoting")
}

// stateOngoing is what pg_wal_replay_pause answers while the server is promoted:
// object_not_in_prerequisite_state.
const stateOngoing = "55000"

func proved(dataDir string, timeline wal.Timeline, reached Reached) (Promoted, error) {
	if timeline <= reached.Timeline {
		return Promoted{}, failure.New(failure.TargetMissed, "%s runs on timeline %d; a promotion from %d gives a greater one",
			dataDir, timeline, reached.Timeline)
	}
	parent, at, err := switchPoint(dataDir, timeline)
	if err != nil {
		return Promoted{}, failure.Wrap(failure.ClassOf(err), err, "prove timeline %d by its history file", timeline)
	}
	return Promoted{Timeline: timeline, Parent: parent, Switch: at}, nil
}
