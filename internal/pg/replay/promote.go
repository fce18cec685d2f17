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

// Promote ends recovery of the running, paused cluster and proves the new
// timeline by its history file. reached is what Run returned: recovery standing
// elsewhere is refused with TargetMissed before anything changes. A cluster that
// is promoted already gives the same answer again.
func Promote(ctx context.Context, c *cluster.Cluster, want cluster.Expected, superuser string, reached Reached) (Promoted, error) {
	if _, err := c.Require(ctx, want); err != nil {
		return Promoted{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, promoteLimit)
	defer cancel()
	server := c.Server(superuser)
	var timeline wal.Timeline
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		if err := promote(ctx, conn, reached); err != nil {
			return err
		}
		var err error
		timeline, err = pg.LiveTimeline(ctx, conn)
		return err
	})
	if err != nil {
		return Promoted{}, pg.Classify(err, "promote %s", c.DataDir)
	}
	return proved(c.DataDir, timeline, reached)
}

func promote(ctx context.Context, conn *pgx.Conn, reached Reached) error {
	now, err := read(ctx, conn)
	if err != nil || !now.recovering {
		return err
	}
	if now.lsn != reached.LSN {
		return failure.New(failure.TargetMissed, "recovery stands at %s, not at %s where it was checked", now.lsn, reached.LSN).
			WithHint("run the replay and the checks again before promoting")
	}
	if err := pg.Exec(ctx, conn, "promote", "SELECT pg_promote(false)"); err != nil {
		return err
	}
	return pg.Poll(ctx, "the promotion", pollInterval, func(ctx context.Context) (bool, error) {
		recovering, err := pg.One[bool](ctx, conn, "ask for recovery", "SELECT pg_is_in_recovery()")
		return !recovering, err
	})
}

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
