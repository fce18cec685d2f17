package replica

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

// Replica is a replica that streams.
type Replica struct {
	Identity cluster.Identity `json:"identity"`
	Lag      time.Duration    `json:"lag"`     // from a position flushed on the primary to its replay here: an upper bound
	OldDir   string           `json:"old_dir"` // where the old replica is kept
	Took     time.Duration    `json:"took"`    // this call
}

// Restored is the old replica, back in its place.
type Restored struct {
	Identity cluster.Identity `json:"identity"`
	KeptDir  string           `json:"kept_dir,omitempty"`  // where the new one is kept; "" when there was none
	SlotLeft string           `json:"slot_left,omitempty"` // why the slot is still on the primary, holding back its WAL
}

// Rebuild copies the primary, puts the copy in the old replica's place, which is
// kept, and returns once the copy streams with a lag of at most MaxLag. Killed at
// any point another call goes on; only an unfinished pg_basebackup begins anew.
// Run twice it changes nothing and measures the lag again. Run late, after
// RestoreOld, it is Refused. Errors: IdentityMismatch (another primary, or a copy
// of another incarnation), Unsafe (what is there is no replica, or its server is
// not proved dead), InsufficientSpace, Exists, Unavailable.
func Rebuild(ctx context.Context, config Config) (Replica, error) {
	begin := time.Now()
	r, release, err := open(config, GoalRebuild, nil)
	if err != nil {
		return Replica{}, err
	}
	defer release()
	if err := r.move(ctx); err != nil {
		return Replica{}, err
	}
	replica, err := r.stream(ctx)
	replica.Took = time.Since(begin)
	return replica, err
}

// RestoreOld puts the old replica back and starts it, and drops the slot, which
// would hold back WAL on a primary nobody follows. The new one is kept. Before
// any Rebuild, repeated or after being killed it does what is left to do. It does
// not wait for streaming: the old primary may not be back yet.
func RestoreOld(ctx context.Context, config Config) (Restored, error) {
	r, release, err := open(config, GoalRestore, nil)
	if err != nil {
		return Restored{}, err
	}
	defer release()
	if err := r.move(ctx); err != nil {
		return Restored{}, err
	}
	return r.resume(ctx)
}

// rebuild is one call at work.
type rebuild struct {
	config Config
	goal   Goal
	// before is called ahead of every change on disk; an error stops there.
	before func(change string) error
}

func open(config Config, goal Goal, before func(string) error) (r *rebuild, release func(), err error) {
	if err := config.check(); err != nil {
		return nil, nil, err
	}
	r = &rebuild{config: config.withDefaults(), goal: goal, before: before}
	if before == nil {
		r.before = func(string) error { return nil }
	}
	release, err = place.Lock(r.config.dataDir())
	return r, release, err
}

// maxMoves is more than the longest way has.
const maxMoves = 10

// move looks, decides and moves until only serving is left.
func (r *rebuild) move(ctx context.Context) error {
	for range maxMoves {
		state, err := r.look()
		if err != nil {
			return err
		}
		move := Next(state)
		r.report(Progress{Step: move.Step})
		switch move.Step {
		case Serve:
			return nil
		case Refuse:
			return failure.New(move.Class, "%s replica: %s", r.goal, move.Why).WithHint("ls -d %s*; nothing was changed", r.config.dataDir())
		default:
			if err := r.carryOut(ctx, move.Step); err != nil {
				return failure.Wrap(failure.ClassOf(err), err, "%s", move.Step)
			}
		}
	}
	return failure.New(failure.Internal, "%s replica: no end after %d moves", r.goal, maxMoves)
}

func (r *rebuild) report(p Progress) {
	if r.config.Progress != nil {
		r.config.Progress(p)
	}
}
