package catalog

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Activities read the stores of the plan they were made with.
type Activities struct {
	plan   *plan.Plan
	stores []store.Store
	trust  keyring.Trust
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities for plan p; trust holds its hosts' signing keys.
func New(p *plan.Plan, stores []store.Store, trust keyring.Trust) *Activities {
	return &Activities{plan: p, stores: stores, trust: trust}
}

// alternatives bounds what else is shown to the approver.
const alternatives = 5

// Propose looks at every set, WAL segment and heartbeat the stores hold and
// returns the target and the way to it. It decides nothing: package recovery
// does, and people after it. It reads only.
func (a *Activities) Propose(ctx context.Context, in ProposeInput) (Proposed, error) {
	proposed, err := a.propose(ctx, in)
	return proposed, boundary.Out(err)
}

func (a *Activities) propose(ctx context.Context, in ProposeInput) (Proposed, error) {
	if err := a.plan.MustBe(in.PlanHash); err != nil {
		return Proposed{}, err
	}
	if _, err := a.plan.Database(in.Database); err != nil {
		return Proposed{}, err
	}
	survey, err := Take(ctx, Shelves{Stores: a.stores, Trust: a.trust, Source: in.Database}, in.SystemID)
	if err != nil {
		return Proposed{}, err
	}
	survey.cutAt(in.Fenced)
	out := Proposed{Sets: len(survey.Sets), Newest: survey.NewestBeat(), Anomalies: survey.Anomalies, Unanswered: survey.Unanswered}
	target := in.Target
	if target == nil {
		proposal, err := recovery.Propose(in.Onsets, survey.Heartbeats, in.Unsearched)
		if err != nil {
			return Proposed{}, err
		}
		proposal.Withheld = max(0, len(proposal.Alternatives)-alternatives)
		proposal.Alternatives = proposal.Alternatives[:len(proposal.Alternatives)-proposal.Withheld]
		out.Proposal, target = &proposal, &proposal.Target
	}
	aimed := *target
	if aimed.Timeline == 0 && aimed.Kind != recovery.TargetName {
		// After a recovery that was rolled back a newer timeline lies in the stores,
		// which this cluster never took.
		aimed.Timeline = in.Timeline
	}
	points, err := Points(ctx, a.stores, in.Database)
	if err != nil {
		return Proposed{}, err
	}
	out.Choice, err = recovery.Choose(recovery.Question{
		Target: aimed, SystemID: in.SystemID, Sets: survey.Sets, WAL: survey.WAL,
		Heartbeats: survey.Heartbeats, RestorePoints: append(points, in.RestorePoints...), Now: time.Now().UTC(),
	})
	for _, one := range out.Unanswered { // approvers see the choice, and nothing else of what the stores said
		out.Choice.Why = append(out.Choice.Why, "store "+one.Store+" did not answer: what it alone holds was not considered, and all that is needed is in the others")
	}
	return out, err
}
