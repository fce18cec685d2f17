package keys

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

// permit judges for itself that people approved the restore in this run, of the
// database whose keys are asked for, and that the stores know the lease as the run's.
//
// The key holder remembers nothing, so it cannot know what it accepted before: an
// approval that expired while the log was proved is good for as long as the lease is.
// Without a lease it must be valid still.
func (a *Activities) permit(ctx context.Context, in ReleaseInput) error {
	database, err := a.plan.Database(in.Database)
	if err != nil {
		return err
	}
	primary, found := database.Primary()
	if !found {
		return failure.Invalid("databases.hosts", "%s has no primary", database.Name)
	}
	now := time.Now()
	verdict, err := warrant.Verify(in.Warrant, a.plan, warrant.Need{
		Run: in.Run, Service: database.Service, Database: database.Name, Target: postgres.Describe(primary, in.Damaged),
		Gate: &warrant.Gate{Scenario: "database-corruption", Name: "restore"},
	}, now)
	if err != nil {
		return err
	}
	lease := recovery.Ballot{Views: evidence.Leases(ctx, a.stores, database.Service)}
	err = lease.Vouch(in.Warrant.Holder, in.Warrant.Token)
	if failure.Is(err, failure.Unavailable) && in.Warrant.Token == 0 && now.Before(verdict.Expires) {
		return nil // no store took the lease, and a person let the run go on without
	}
	return failure.Wrap(failure.ClassOf(err), err, "ask the stores about the lease on %s", database.Service)
}

// requireOrigin refuses a set that was not made of the cluster that people signed for.
func requireOrigin(set *archive.Descriptor, damaged postgres.Identity) error {
	if made := set.Attributes.Postgres; made == nil || made.SystemID != damaged.SystemID {
		return failure.New(failure.IdentityMismatch, "set %s was not made of system %s, which people signed for", set.Set, damaged.SystemID).
			WithHint("see which sets there are: starter backup list")
	}
	return nil
}
