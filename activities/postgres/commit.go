package postgres

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// RecordCommit writes down on this host that the run's cut-over was committed: from
// then on the host undoes nothing of that run, and does nothing more for it, whatever
// is shown to it. On the primary's host the restored cluster must be the one that
// serves. Run twice, or late, the first record stays; killed, there is none yet.
//
// Errors: those of warrant.Verify where nobody who may has committed;
// failure.IdentityMismatch where another cluster serves.
func (a *Activities) RecordCommit(ctx context.Context, in CommitInput) (Committed, error) {
	committed, err := a.recordCommit(ctx, in)
	return committed, boundary.Out(err)
}

func (a *Activities) recordCommit(ctx context.Context, in CommitInput) (Committed, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return Committed{}, err
	}
	need, err := in.keeping().need(in.Where, t)
	if err != nil {
		return Committed{}, err
	}
	kept := guard.Commit{Replaced: need.Target, Kept: Describe(t.host, in.Restored)}
	done, err := a.guard().Commit(ctx, in.Warrant, need, kept, func() error { return t.requireServing(ctx, in.Restored) })
	return Committed{At: done.At}, err
}

// requireServing proves that id is the cluster in the service's directory. A replica
// follows it, or is about to, and is not asked.
func (t target) requireServing(ctx context.Context, id Identity) error {
	if t.host.Role != plan.DatabasePrimary {
		return nil
	}
	c, err := t.open(Serving)
	if err != nil {
		return err
	}
	_, err = c.Require(ctx, expected(id))
	return err
}
