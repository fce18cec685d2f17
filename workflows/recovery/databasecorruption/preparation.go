package databasecorruption

import (
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// prepare makes room beside the damaged cluster and brings the backup there.
// Nothing here touches what serves.
func (r *run) prepare() (err error) {
	workspace := postgres.WorkspaceInput{Where: r.armed(r.primary), NeedBytes: needBytes(r.choice())}
	if err := runbook.Undo(r.Run, "Remove the recovery workspace", postgres.Ref.RemoveWorkspace, workspace, r.on(r.primary)); err != nil {
		return err
	}
	if _, err = runbook.Do(r.Run, "Create the recovery workspace", postgres.Ref.PrepareWorkspace, workspace, runbook.Mutate, r.on(r.primary), runbook.Required()); err != nil {
		return err
	}
	if _, err = runbook.Do(r.Run, "Prove that the WAL chain is whole", postgres.Ref.ProveChain,
		postgres.ChainInput{Where: r.at(r.primary), Choice: r.choice()}, runbook.Scan, r.on(r.primary), runbook.Required()); err != nil {
		return err
	}
	if r.released, err = r.unlock(); err != nil {
		return err
	}
	r.fetched, err = runbook.Do(r.Run, "Fetch the backup set into the workspace", postgres.Ref.FetchBase,
		postgres.FetchInput{Where: r.at(r.primary), Choice: r.choice(), Released: r.released}, runbook.Transfer, r.on(r.primary), runbook.Required())
	return err
}

// unlock has the key holder hand this host the session keys of the wanted
// objects, and no others. The host asks with a key it made for this run alone.
func (r *run) unlock() (postgres.Sealed, error) {
	request, err := runbook.Do(r.Run, "Collect the keys to ask for", postgres.Ref.RequestKeys,
		postgres.KeysInput{Where: r.at(r.primary), Choice: r.choice()}, runbook.Mutate, r.on(r.primary), runbook.Required())
	if err != nil {
		return postgres.Sealed{}, err
	}
	released, err := runbook.Do(r.Run, "Release the session keys", keys.Ref.Release, keys.ReleaseInput{
		PlanHash: r.plan.PlanHash, Database: r.plan.Database.Name, Run: r.name(),
		Request: request.Object, SHA256: request.SHA256, Set: r.choice().Set.ID,
		Damaged: r.damaged.Identity, Warrant: r.Warrant(gateRestore),
	}, runbook.Mutate, runbook.On(keys.Queue), runbook.Required())
	return postgres.Sealed{Object: released.Object, SHA256: released.SHA256}, err
}

// choice is what the commander approved.
func (r *run) choice() recovery.Choice { return r.proposed.Choice }

// needBytes is the space a restored copy needs: the set's files and the WAL that
// is replayed into it, which can at most rewrite as many bytes again.
func needBytes(choice recovery.Choice) int64 {
	segments := int64(0)
	for _, run := range choice.Segments {
		segments += int64(run.Count()) // #nosec G115 -- bounded by the log's length
	}
	return choice.Set.SizeBytes + segments*int64(choice.SegmentSize) // #nosec G115 -- at most 1 GiB a segment
}
