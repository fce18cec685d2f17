package databasecorruption

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// restart makes the restored copy the database, protects it again before anybody
// writes to it, and watches it.
func (r *run) restart() error {
	for _, step := range []func() error{
		r.promote,
		r.cutOver,
		r.protect,
		r.resume,
		r.observe,
		r.announce,
		r.decide,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// promote ends recovery. The new timeline is fenced before it is ever reachable
// at the service port: writes are resumed by a step of their own.
func (r *run) promote() (err error) {
	r.promoted, err = runbook.Do(r.Run, "Promote the restored database", postgres.Ref.Promote,
		postgres.PromoteInput{
			Where: r.armed(r.primary), Choice: r.choice(), Released: r.released, Reached: r.replayed.Reached, Origin: &r.damaged.Identity,
		}, runbook.Mutate, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	fence, err := runbook.Do(r.Run, "Keep application writes stopped on the restored database", postgres.Ref.FenceWrites,
		postgres.FenceInput{Where: r.armed(r.primary), Side: postgres.Restored, Expect: r.promoted.Identity, Origin: &r.damaged.Identity}, runbook.Mutate, r.on(r.primary), runbook.Required())
	for _, one := range fence.Subscriptions {
		r.Finding("subscription " + one + " stays disabled in the restored database: its publisher does not send again " +
			"what the copy lacks; bring that over, then ALTER SUBSCRIPTION … ENABLE")
	}
	return err
}

// cutOver is the dangerous step: the two clusters change places.
func (r *run) cutOver() (err error) {
	swap := postgres.SwapInput{Where: r.armed(r.primary), Damaged: r.damaged.Identity, Restored: r.promoted.Identity}
	if err := runbook.Undo(r.Run, "Swap the damaged database back", postgres.Ref.SwapBack, swap, r.on(r.primary)); err != nil {
		return err
	}
	r.swapped, err = runbook.Do(r.Run, "Cut over to the restored database", postgres.Ref.SwapIn, swap, runbook.Mutate, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	r.tellHosts()
	r.provisional, err = r.Provisional("Keep the recovered database?", keepPut{
		Serving: r.swapped.Serving, Aside: r.swapped.AsideDir, AsidePort: r.swapped.AsidePort, RPO: r.rpo,
	})
	return err
}

// tellHosts has every host whose cluster the run replaced write down the commit, once
// there is one: from then on it obeys no undo of this run. A replica that was not
// rebuilt has nothing to undo.
func (r *run) tellHosts() {
	if !tellsHostsOfCommit(r.ctx) {
		return
	}
	tell := func(host plan.DatabaseHost, wanted func() bool) {
		runbook.OnCommit(r.Run, "Record the commit on "+host.Host, postgres.Ref.RecordCommit, func() (postgres.CommitInput, bool) {
			return postgres.CommitInput{Where: r.armed(host), Damaged: r.damaged.Identity, Restored: r.promoted.Identity}, wanted()
		}, r.on(host))
	}
	tell(r.primary, func() bool { return true })
	if r.replica != nil {
		tell(*r.replica, func() bool { return !r.hostSilent })
	}
}

// protect proves that new backups flow and rebuilds the replica, side by side.
// Until both are done no work is accepted that could be lost again.
func (r *run) protect() (err error) {
	r.archived, err = runbook.Do(r.Run, "Prove that WAL flows on the new timeline", postgres.Ref.ProveArchiving,
		postgres.ArchiveInput{Where: r.at(r.primary), Expect: r.promoted.Identity}, runbook.Mutate, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	waitReplica, err := r.rebuildReplica()
	if err != nil {
		return err
	}
	r.backup, err = runbook.Do(r.Run, "Take a new base backup", postgres.Ref.BackUp,
		postgres.BackupInput{Where: r.at(r.primary), Expect: r.promoted.Identity, Began: r.Now()}, runbook.Transfer, r.on(r.primary))
	return errors.Join(err, waitReplica())
}

func (r *run) rebuildReplica() (wait func() error, err error) {
	if r.replica == nil {
		return func() error { return nil }, nil
	}
	if err := r.lookAgain(); err != nil {
		return nil, err
	}
	if r.hostSilent { // waiting for it would keep writes stopped
		r.Finding("the replica on " + r.replica.Host + " was not rebuilt: its host did not answer")
		return func() error { return nil }, nil
	}
	in := postgres.ReplicaInput{Where: r.armed(*r.replica), Primary: r.promoted.Identity, Origin: &r.damaged.Identity}
	if err := runbook.Undo(r.Run, "Put the old replica back", postgres.Ref.RestoreReplica, in, r.on(*r.replica)); err != nil {
		return nil, err
	}
	rebuilt := runbook.Go(r.Run, "Rebuild the replica", postgres.Ref.RebuildReplica, in, runbook.Transfer, r.on(*r.replica))
	return func() error {
		_, err := rebuilt.Get()
		return err
	}, nil
}

// lookAgain looks at the replica's host once more: it may have gone since the
// assessment, hours ago.
func (r *run) lookAgain() error {
	if r.hostSilent || !goesOnWithoutReplica(r.ctx) {
		return nil
	}
	_, err := runbook.Do(r.Run, "See whether the replica's host still answers", postgres.Ref.Inspect,
		r.at(*r.replica), runbook.Glance, r.on(*r.replica), runbook.Advisory())
	r.hostSilent = failure.Is(err, failure.Unavailable)
	if temporal.IsCanceledError(err) {
		return err
	}
	return nil
}

// resume opens the database to its users: readers first, they lose nothing.
func (r *run) resume() error {
	if r.readersAt != nil {
		on := runbook.On(postgres.Queue(r.readersAt.queue))
		if _, err := runbook.Do(r.Run, "Switch readers back", routing.Ref.SendReaders, r.readersAt.before, runbook.Mutate, on); err != nil {
			return err
		}
	}
	_, err := runbook.Do(r.Run, "Resume application writes", postgres.Ref.LiftFence,
		postgres.FenceInput{Where: r.armed(r.primary), Side: postgres.Serving, Expect: r.promoted.Identity, Origin: &r.damaged.Identity}, runbook.Mutate, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	if err := r.proveLogin(); err != nil {
		return err
	}
	r.Happened(runbook.Serving)
	return nil
}

// proveLogin shows that the fence is really gone: the application logs in where it
// will. What could not be shown on the paused copy is settled by it.
func (r *run) proveLogin() error {
	proved, err := runbook.Do(r.Run, "Log in as the application at the service port", postgres.Ref.ProbeApplication,
		postgres.CheckInput{Where: r.at(r.primary), Side: postgres.Serving}, runbook.Probe, r.on(r.primary), runbook.Required())
	r.checked.Checks = slices.DeleteFunc(r.checked.Checks, func(before postgres.CheckResult) bool {
		return slices.ContainsFunc(proved.Results, func(now postgres.CheckResult) bool { return now.Name == before.Name })
	})
	r.checked.Checks = append(r.checked.Checks, proved.Results...)
	return err
}

// observe watches the database for the plan's time. Only now is it verified: RTO
// ends at proved health, not at the last command.
func (r *run) observe() (err error) {
	r.observed, err = runbook.Do(r.Run, "Watch the database against its baseline", postgres.Ref.Observe, postgres.ObserveInput{
		Where: r.at(r.primary), For: r.plan.Database.Observation.Duration.Std(), Baseline: r.damaged.Baseline, Disrupted: r.in.DisruptedAt,
	}, runbook.Scan, r.on(r.primary))
	if err != nil {
		return err
	}
	failed := worst(r.observed.Verdicts) == recovery.VerdictMissed
	if failed {
		r.Finding("the recovered database does not perform as before: see the checks")
	}
	if watched(r.observed) && !failed {
		r.Happened(runbook.Verified)
	}
	return nil
}

// watched reports whether anybody looked: a step that people skipped returns the
// zero observation, and then the end of the RTO is unknown, not met.
func watched(o postgres.Observation) bool { return len(o.Verdicts) > 0 }

// decide waits for the word whether the recovered database is kept. A rollback
// puts the damaged one back; the restored one, with everything that was written
// to it since, is kept aside and named in the report.
func (r *run) decide() error { return r.provisional.Wait() }
