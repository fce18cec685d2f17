package replica

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func decimal(n int) string { return strconv.Itoa(n) }

func apply(s State, step Step) State {
	switch step {
	case BarRebuild:
		s.Undone = true
	case RemovePartial:
		s.Building = Nothing
	case Copy:
		s.Building = New
	case MoveOldAside:
		s.Data, s.Replaced = Nothing, Old
	case MoveNewIn:
		s.Data, s.Building = New, Nothing
	case MoveNewOut:
		s.Data = Nothing
	case MoveOldBack:
		s.Data, s.Replaced = Old, Nothing
	case Serve, Refuse:
	}
	return s
}

// TestEveryReachableStateEndsWhereItShould stops after any move, also with half
// a copy, and goes on in either direction.
func TestEveryReachableStateEndsWhereItShould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := State{Goal: GoalRebuild, Data: Old, Building: Nothing, Replaced: Nothing}
		for range rapid.IntRange(0, 8).Draw(t, "moves") {
			step := Next(s).Step
			if step == Copy && rapid.Bool().Draw(t, "interrupted") {
				s.Building = Partial
				continue
			}
			s = apply(s, step)
		}
		s.Goal = rapid.SampledFrom([]Goal{GoalRebuild, GoalRestore}).Draw(t, "goal")
		for range 10 {
			move := Next(s)
			if move.Step == Serve {
				if (s.Goal == GoalRebuild) != (s.Data == New) || s.Building == Partial {
					t.Fatalf("serves half-way: %+v", s)
				}
				return
			}
			if move.Step == Refuse {
				t.Fatalf("%+v is refused: %s", s, move.Why)
			}
			s = apply(s, move.Step)
		}
		t.Fatalf("never serves: %+v", s)
	})
}
