package swap

import "github.com/terragonlabs/holdfast/internal/failure"

// Goal is where a swap is going.
type Goal string

// The two directions.
const (
	GoalIn   Goal = "in"   // the restored cluster serves
	GoalBack Goal = "back" // the damaged cluster serves
)

// Place is a name a cluster can have.
type Place string

// The places; see the package documentation.
const (
	Nowhere     Place = "nowhere"
	AtData      Place = "data"
	AtAside     Place = "aside"
	AtKept      Place = "kept"
	AtWorkspace Place = "workspace"
)

// State is what is on disk.
type State struct {
	Goal     Goal
	Damaged  Place // Nowhere: not found at any place
	Restored Place
	// TablespacesInside: tablespaces of the restored cluster lie in the workspace,
	// which will be removed.
	TablespacesInside bool
	Dressed           bool // the restored cluster has the service's settings
	Retired           bool // the restored cluster, kept, can no longer archive
	Reversed          bool // this run's Back has served already
	// Idle: no In of this run ended a server of the damaged cluster, be it that none
	// began or that none ran. Back then starts none.
	Idle bool
}

// Step is one thing to carry out.
type Step string

// The steps. Serve, Leave or Refuse is the last.
const (
	MoveDamagedAside Step = "move the damaged cluster aside"
	MoveRestoredIn   Step = "move the restored cluster in"
	MoveTablespaces  Step = "move the restored cluster's tablespaces out of the workspace"
	Dress            Step = "give the restored cluster the service's settings"
	MoveRestoredOut  Step = "move the restored cluster out and keep it"
	MoveDamagedBack  Step = "move the damaged cluster back"
	Retire           Step = "keep the restored cluster from archiving"
	Serve            Step = "serve"
	Leave            Step = "leave everything as it was"
	Refuse           Step = "refuse"
)

// Move is the next step; a refusal says why.
type Move struct {
	Step  Step
	From  Place         // of a move
	Class failure.Class // of a refusal
	Why   string        // of a refusal
}

// Next decides purely what follows from what is on disk. Carrying its moves out
// one by one reaches Serve from every state that a killed In or Back can leave.
func Next(s State) Move {
	switch {
	case s.Damaged == Nowhere:
		return refuse(failure.NotFound, "the damaged cluster is at none of its places: without it there is no way back")
	case s.Damaged != AtData && s.Damaged != AtAside:
		return refuse(failure.Unsafe, "the damaged cluster is in the place of the restored one")
	case s.Restored == AtAside || s.Restored == s.Damaged:
		return refuse(failure.Unsafe, "the restored cluster is in the place of the damaged one")
	case s.Goal == GoalIn:
		return nextIn(s)
	case s.Goal == GoalBack:
		return nextBack(s)
	}
	return refuse(failure.Internal, "no goal")
}

func nextIn(s State) Move {
	switch {
	case s.Restored == Nowhere:
		return refuse(failure.NotFound, "the restored cluster is at none of its places")
	case s.Damaged == AtData && (s.Restored == AtKept || s.Reversed):
		// A late call must not undo what people decided.
		return refuse(failure.Refused, "this run was swapped back already: the damaged cluster serves and the restored one is kept")
	case s.Damaged == AtData:
		return Move{Step: MoveDamagedAside, From: AtData}
	case s.Restored != AtData:
		return Move{Step: MoveRestoredIn, From: s.Restored}
	case s.TablespacesInside:
		return Move{Step: MoveTablespaces}
	case !s.Dressed:
		return Move{Step: Dress}
	}
	return Move{Step: Serve}
}

func nextBack(s State) Move {
	switch {
	case s.Damaged == AtAside && s.Restored == AtData && s.TablespacesInside:
		return Move{Step: MoveTablespaces} // what is kept is kept whole
	case s.Damaged == AtAside && s.Restored == AtData:
		return Move{Step: MoveRestoredOut, From: AtData}
	case s.Damaged == AtAside:
		return Move{Step: MoveDamagedBack, From: AtAside}
	case s.Restored == AtKept && !s.Retired:
		return Move{Step: Retire}
	case s.Restored != AtKept && s.Idle:
		return Move{Step: Leave}
	}
	return Move{Step: Serve}
}

func refuse(class failure.Class, why string) Move {
	return Move{Step: Refuse, Class: class, Why: why}
}
