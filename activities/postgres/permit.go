package postgres

import (
	"context"
	"fmt"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// cutOver is the gate before which no cluster changes places.
func cutOver() *warrant.Gate {
	return &warrant.Gate{Scenario: "database-corruption", Name: "cut-over"}
}

// Describe is the identity of a server that people sign for. The host derives it
// again from what it is about to touch.
func Describe(host plan.DatabaseHost, id Identity) string {
	return fmt.Sprintf("%s:%d %s, system %s, timeline %d, incarnation %s", host.Host, host.Port, host.DataDir, id.SystemID, id.Timeline, id.Incarnation)
}

// permission is what one call needs of the run's warrant.
type permission struct {
	damaged *Identity     // the cluster people signed for; nil: nothing that serves is touched
	also    *Identity     // a cluster restored from it, which is touched too; nil: none
	gate    *warrant.Gate // nil: the declaration is enough
	undo    bool
}

// permitted carries out do when this host's own judgement of the run's warrant
// allows it, and keeps everything else that is destructive to the service waiting
// meanwhile. See package warrant.
func permitted[O any](ctx context.Context, a *Activities, in Where, p permission, do func() (O, error)) (O, error) {
	release, err := a.permit(ctx, in, p)
	if err != nil {
		var none O
		return none, err
	}
	defer release()
	return do()
}

func (a *Activities) permit(ctx context.Context, in Where, p permission) (release func(), err error) {
	t, err := a.resolve(in)
	if err != nil {
		return nil, err
	}
	need, err := p.need(in, t)
	if err != nil {
		return nil, err
	}
	return a.guard().Admit(ctx, in.Warrant, need)
}

// guard stands before this host's servers.
func (a *Activities) guard() guard.Guard {
	return guard.Guard{Plan: a.Plan, Dir: a.StateDir, Leases: evidence.Asking(a.Stores)}
}

// need is what the warrant must show for p on target t.
func (p permission) need(in Where, t target) (warrant.Need, error) {
	need := warrant.Need{Run: in.Run, Service: t.database.Service, Database: t.database.Name, Gate: p.gate, Undo: p.undo}
	if p.damaged != nil {
		primary, found := t.database.Primary()
		if !found {
			return need, failure.Invalid("databases.hosts", "%s has no primary", t.database.Name)
		}
		need.Target = Describe(primary, *p.damaged)
	}
	if p.also != nil && p.also.SystemID != p.damaged.SystemID {
		return need, failure.New(failure.IdentityMismatch, "system %s was not restored from %s, which people signed for", p.also.SystemID, p.damaged.SystemID).
			WithHint("look at what lies on this host: starter status; then start the run again")
	}
	return need, nil
}

// fencing is what it takes to fence one side, which people declared.
func (in FenceInput) fencing() permission {
	if in.Origin == nil {
		return permission{damaged: &in.Expect}
	}
	return permission{damaged: in.Origin, also: &in.Expect}
}

// lifting is what it takes to let the application write again: to the database as
// it was, that is an undo; to the recovered one, it is what the gate was about.
func (in FenceInput) lifting() permission {
	p := in.fencing()
	if in.Origin == nil {
		p.undo = true
		return p
	}
	p.gate = cutOver()
	return p
}

// swapping is what it takes to let two clusters change places, or change back.
func (in SwapInput) swapping(undo bool) permission {
	return permission{damaged: &in.Damaged, also: &in.Restored, gate: cutOver(), undo: undo}
}

// rebuilding is what it takes to replace a replica, or to put the old one back.
func (in ReplicaInput) rebuilding(undo bool) permission {
	return permission{damaged: origin(in.Origin, &in.Primary), also: &in.Primary, gate: cutOver(), undo: undo}
}

// keeping is what it takes to write down that a cut-over stays.
func (in CommitInput) keeping() permission {
	return permission{damaged: &in.Damaged, also: &in.Restored, gate: cutOver()}
}

// promoting is what it takes to end the recovery of the restored cluster: the first
// thing that the gate allows.
func (in PromoteInput) promoting() permission {
	return permission{damaged: origin(in.Origin, &Identity{}), gate: cutOver()}
}

// origin is the cluster people signed for. A request that does not say which names
// another one, which nobody signed for.
func origin(known, other *Identity) *Identity {
	if known != nil {
		return known
	}
	return other
}
