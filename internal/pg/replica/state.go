package replica

import "github.com/terragonlabs/holdfast/internal/failure"

// Goal is what a call wants.
type Goal string

// The two directions.
const (
	GoalRebuild Goal = "rebuild" // the new replica streams
	GoalRestore Goal = "restore" // the old replica is back
)

// Kind is what a directory holds.
type Kind string

// The kinds.
const (
	Nothing Kind = "nothing"
	Old     Kind = "old"     // a replica this run did not make
	New     Kind = "new"     // made by this run, whole
	Partial Kind = "partial" // begun by this run, not finished
)

// State is what is on disk.
type State struct {
	Goal     Goal
	Data     Kind
	Building Kind
	Replaced Kind // Old or Nothing
	Undone   bool // RestoreOld was asked for
}

// Step is one thing to carry out.
type Step string

// The steps. Serve is always the last.
const (
	BarRebuild    Step = "bar a late rebuild"
	RemovePartial Step = "remove the unfinished copy"
	Copy          Step = "copy the primary"
	MoveOldAside  Step = "move the old replica aside"
	MoveNewIn     Step = "move the new replica in"
	MoveNewOut    Step = "move the new replica out and keep it"
	MoveOldBack   Step = "move the old replica back"
	Serve         Step = "serve"
	Refuse        Step = "refuse"
)

// Move is the next step; a refusal says why.
type Move struct {
	Step  Step
	Class failure.Class
	Why   string
}

// Next decides purely what follows from what is on disk.
func Next(s State) Move {
	switch {
	case s.Data == Old && s.Replaced == Old:
		return refuse(failure.Unsafe, "two old replicas: one at its place and one moved aside")
	case s.Data != Old && s.Replaced != Old:
		return refuse(failure.NotFound, "the old replica is at neither of its places: nothing tells what its settings were")
	case s.Goal == GoalRebuild:
		return nextRebuild(s)
	case s.Goal == GoalRestore:
		return nextRestore(s)
	}
	return refuse(failure.Internal, "no goal")
}

func nextRebuild(s State) Move {
	switch {
	case s.Undone:
		// A late call must not undo what people decided.
		return refuse(failure.Refused, "this run was asked to put the old replica back")
	case s.Data == New:
		return Move{Step: Serve}
	case s.Building == Partial:
		return Move{Step: RemovePartial}
	case s.Building == Nothing:
		return Move{Step: Copy}
	case s.Data == Old:
		return Move{Step: MoveOldAside}
	}
	return Move{Step: MoveNewIn}
}

func nextRestore(s State) Move {
	switch {
	case !s.Undone:
		return Move{Step: BarRebuild}
	case s.Data == New:
		return Move{Step: MoveNewOut}
	case s.Data == Nothing:
		return Move{Step: MoveOldBack}
	case s.Building == Partial:
		return Move{Step: RemovePartial} // it holds nothing the primary has not
	}
	return Move{Step: Serve}
}

func refuse(class failure.Class, why string) Move {
	return Move{Step: Refuse, Class: class, Why: why}
}
