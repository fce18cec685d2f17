package swap

import (
	"context"
	"encoding/json"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

// Swapped is where the two clusters are.
type Swapped struct {
	ServingDir string           `json:"serving_dir"`
	Serving    cluster.Identity `json:"serving"`
	AsideDir   string           `json:"aside_dir"`            // of the cluster that does not serve; "" when it is gone
	AsidePort  int              `json:"aside_port,omitempty"` // where the damaged cluster is read; 0 after Back
	AsideReads bool             `json:"aside_reads"`
	Why        string           `json:"why,omitempty"` // why the damaged cluster cannot be read
	At         time.Time        `json:"at"`            // UTC, when the service port first answered again; zero: Back left all as it was
}

// In makes the restored cluster serve and keeps the damaged one aside, readable
// where it still starts. Killed at any point, another In completes it or Back
// reverses it. Run twice it changes nothing and answers the same. Run late,
// after Back, it is Refused. Errors: IdentityMismatch (showing both), Unsafe (a
// server not proved dead, two copies of one cluster), InvalidInput (workspace on
// another file system), Exists (a name is taken), Unavailable (the restored
// cluster does not start, or another swap is at work).
func In(ctx context.Context, config Config) (Swapped, error) {
	return run(ctx, config, GoalIn, nil)
}

// Back makes the damaged cluster serve again, with its own settings, and keeps
// the restored one, with whatever was written to it since, barred from
// archiving. It deletes nothing. Killed or repeated it does what is left to do.
// Where no In moved anything or ended a server, it starts none: a damaged cluster
// that was down stays down. Errors are those of In.
func Back(ctx context.Context, config Config) (Swapped, error) {
	return run(ctx, config, GoalBack, nil)
}

// swap is one call at work.
type swap struct {
	config            Config
	goal              Goal
	damaged, restored found
	// before is called ahead of every change on disk; an error stops there.
	before func(change string) error
}

// maxMoves is more than the longest way has.
const maxMoves = 12

func run(ctx context.Context, config Config, goal Goal, before func(string) error) (Swapped, error) {
	if err := config.check(); err != nil {
		return Swapped{}, err
	}
	s := &swap{config: config.withDefaults(), goal: goal, before: before}
	if before == nil {
		s.before = func(string) error { return nil }
	}
	release, err := place.Lock(s.config.dataDir())
	if err != nil {
		return Swapped{}, err
	}
	defer release()
	for range maxMoves {
		state, err := s.look(ctx)
		if err != nil {
			return Swapped{}, err
		}
		move := Next(state)
		s.report(move)
		switch move.Step {
		case Serve:
			return s.serve(ctx)
		case Leave:
			return s.leave()
		case Refuse:
			return Swapped{}, failure.New(move.Class, "swap %s: %s", goal, move.Why).
				WithHint("ls -d %s*; nothing was changed", s.config.dataDir())
		default:
			if err := s.carryOut(ctx, move); err != nil {
				return Swapped{}, failure.Wrap(failure.ClassOf(err), err, "%s", move.Step)
			}
		}
	}
	return Swapped{}, failure.New(failure.Internal, "swap %s: no end after %d moves", goal, maxMoves)
}

func (s *swap) report(move Move) {
	if s.config.Progress != nil {
		s.config.Progress(move, time.Now().UTC())
	}
}

// record remembers when the service first answered, so that a repeated call
// says the same and a late one is refused; and before that, what In found.
type record struct {
	Goal Goal      `json:"goal,omitempty"` // of the last call that ended; "": In has begun
	At   time.Time `json:"at,omitzero"`
	// Ran: the damaged cluster had a server when this run's In began to end it.
	Ran bool `json:"ran,omitempty"`
}

// readRecord returns the zero record where there is none.
func (s *swap) readRecord() (record, error) {
	path := s.config.recordFile()
	content, err := pg.ReadSmall(path, 4096)
	if failure.Is(err, failure.NotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var old record
	if err := json.Unmarshal(content, &old); err != nil {
		return record{}, failure.New(failure.Corrupt, "%s is not the record of a swap", path).
			WithHint("mv %s %s.bad; it says which way this run went last and when the service answered", path, path)
	}
	return old, nil
}

func (s *swap) answeredAt() (time.Time, error) {
	old, err := s.readRecord()
	if err != nil || old.Goal == s.goal {
		return old.At, err
	}
	now := record{Goal: s.goal, At: time.Now().UTC(), Ran: old.Ran}
	return now.At, s.writeRecord(now)
}

func (s *swap) writeRecord(now record) error {
	content, err := json.Marshal(now)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the record of a swap")
	}
	return s.damaged.cluster.Programs.Owner.WriteFile(s.config.recordFile(), append(content, '\n'), 0o600)
}

// begin notes, before In ends the damaged cluster's server, whether there is one:
// Back starts it again, and only then. An earlier attempt's note stands.
func (s *swap) begin(ctx context.Context) error {
	old, err := s.readRecord()
	if err != nil || old.Ran {
		return err
	}
	process, err := s.damaged.cluster.Process(ctx)
	if err != nil || process.Life == cluster.Stopped {
		return err
	}
	if err := s.before("note that the damaged cluster runs"); err != nil {
		return err
	}
	old.Ran = true
	return s.writeRecord(old)
}

// leave ends a Back that has nothing to reverse. A late In is refused after it.
func (s *swap) leave() (Swapped, error) {
	left := Swapped{ServingDir: s.damaged.cluster.DataDir, Serving: s.damaged.identity}
	if s.restored.cluster != nil {
		left.AsideDir = s.restored.cluster.DataDir
	}
	old, err := s.readRecord()
	if err != nil || old.Goal == GoalBack {
		return left, err
	}
	return left, s.writeRecord(record{Goal: GoalBack, At: time.Now().UTC()})
}
