package swap

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// apply is what carrying a move out does to the state.
func apply(s State, m Move, ran bool) State {
	switch m.Step {
	case MoveDamagedAside:
		s.Damaged, s.Idle = AtAside, s.Idle && !ran
	case MoveRestoredIn:
		s.Restored = AtData
	case MoveTablespaces:
		s.TablespacesInside = false
	case Dress:
		s.Dressed = true
	case MoveRestoredOut:
		s.Restored = AtKept
	case MoveDamagedBack:
		s.Damaged = AtData
	case Retire:
		s.Retired = true
	case Leave:
		s.Reversed = true
	case Serve, Refuse:
	}
	return s
}

// TestEveryReachableStateCanBeCompletedAndReversed walks In and Back with a stop
// and a change of mind after any move.
func TestEveryReachableStateCanBeCompletedAndReversed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := State{Goal: GoalIn, Damaged: AtData, Restored: AtWorkspace, TablespacesInside: rapid.Bool().Draw(t, "tablespaces"), Idle: true}
		ran := rapid.Bool().Draw(t, "the damaged cluster had a server")
		for range rapid.IntRange(0, 20).Draw(t, "moves") {
			s.Goal = rapid.SampledFrom([]Goal{GoalIn, GoalBack}).Draw(t, "goal")
			s = apply(s, Next(s), ran)
			if s.Damaged == s.Restored {
				t.Fatalf("two clusters in one place: %+v", s)
			}
		}
		requireArrival(t, s, GoalBack, AtData)
		if s.Damaged == AtData && (s.Restored == AtKept || s.Reversed) {
			return // swapped back: a late In is refused
		}
		requireArrival(t, s, GoalIn, AtAside)
	})
}

func requireArrival(t *rapid.T, s State, goal Goal, damaged Place) {
	t.Helper()
	s.Goal = goal
	for range 10 {
		move := Next(s)
		if move.Step == Leave {
			if goal != GoalBack || s.Damaged != AtData || !s.Idle {
				t.Fatalf("left half-way: %+v", s)
			}
			return
		}
		if move.Step == Serve {
			if s.Damaged != damaged || goal == GoalIn && (s.Restored != AtData || !s.Dressed) || s.Restored != AtWorkspace && s.TablespacesInside {
				t.Fatalf("serves half-way: %+v", s)
			}
			return
		}
		if move.Step == Refuse {
			t.Fatalf("%s from %+v is refused: %s", goal, s, move.Why)
		}
		s = apply(s, move, true)
	}
	t.Fatalf("%s never serves: %+v", goal, s)
}

// TestBackStartsNoServerThatNobodyEnded: only what In ended is started again.
func TestBackStartsNoServerThatNobodyEnded(t *testing.T) {
	t.Parallel()
	for want, states := range map[Step][]State{
		Leave: {{Damaged: AtData, Restored: AtWorkspace, Idle: true}, {Damaged: AtData, Restored: Nowhere, Idle: true}},
		Serve: {{Damaged: AtData, Restored: AtWorkspace}, {Damaged: AtData, Restored: AtKept, Retired: true, Idle: true}},
	} {
		for _, s := range states {
			s.Goal = GoalBack
			if got := Next(s); got.Step != want {
				t.Errorf("Next(%+v) = %+v, want %s", s, got, want)
			}
		}
	}
}

func TestNextRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		state State
		class failure.Class
	}{
		"no damaged cluster":            {State{Goal: GoalBack, Damaged: Nowhere, Restored: AtData}, failure.NotFound},
		"no restored cluster":           {State{Goal: GoalIn, Damaged: AtData, Restored: Nowhere}, failure.NotFound},
		"late In after Back":            {State{Goal: GoalIn, Damaged: AtData, Restored: AtKept}, failure.Refused},
		"late In after an early Back":   {State{Goal: GoalIn, Damaged: AtData, Restored: AtWorkspace, Reversed: true}, failure.Refused},
		"damaged in the workspace":      {State{Goal: GoalIn, Damaged: AtWorkspace, Restored: AtData}, failure.Unsafe},
		"restored in the damaged's":     {State{Goal: GoalBack, Damaged: AtData, Restored: AtAside}, failure.Unsafe},
		"no goal":                       {State{Damaged: AtData, Restored: AtWorkspace}, failure.Internal},
		"one place cannot hold the two": {State{Goal: GoalIn, Damaged: AtData, Restored: AtData}, failure.Unsafe},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if move := Next(tt.state); move.Step != Refuse || move.Class != tt.class {
				t.Errorf("Next = %+v, want a refusal of class %s", move, tt.class)
			}
		})
	}
}
