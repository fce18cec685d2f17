package databasecorruption

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// assess finds out what is wrong and since when, stops the damage from growing,
// and puts a recovery target to the commander.
func (r *run) assess() error {
	clocks := r.compareClocks()
	if err := r.look(); err != nil {
		return err
	}
	if err := r.Declare(); err != nil {
		return err
	}
	r.Happened(runbook.Started)
	if err := r.stopWrites(); err != nil {
		return err
	}
	if err := r.switchReaders(); err != nil {
		return err
	}
	if err := r.examine(); err != nil {
		return err
	}
	if err := clocks(); err != nil {
		return err
	}
	return r.choose()
}

// look checks connectivity and identity. It changes nothing, declared or not.
func (r *run) look() (err error) {
	replica := r.lookAtReplica()
	r.damaged, err = runbook.Do(r.Run, "Check connectivity of the primary", postgres.Ref.Inspect, r.at(r.primary), runbook.Probe, r.on(r.primary), runbook.Required())
	if err != nil {
		return err
	}
	r.SetTarget(postgres.Describe(r.primary, r.damaged.Identity))
	return replica()
}

// compareClocks begins to compare the clocks of every host the run will work on. A
// host that does not answer holds nothing up: they are waited for before the target
// is chosen.
func (r *run) compareClocks() (wait func() error) {
	var waits []func() error
	for _, host := range r.plan.Hosts {
		waits = append(waits, r.CompareClock(host.Name, postgres.Queue(host.Name)))
	}
	return func() error {
		var errs []error
		for _, wait := range waits {
			errs = append(errs, wait())
		}
		return errors.Join(errs...)
	}
}

// lookAtReplica starts a look at the replica; the returned function waits for it.
// A replica that does not answer does not hold up the recovery of its primary:
// readers are not sent there, and where its whole host is silent it is not rebuilt.
func (r *run) lookAtReplica() (wait func() error) {
	if r.replica == nil {
		return func() error { return nil }
	}
	look := runbook.Go(r.Run, "Check connectivity of the replica", postgres.Ref.Inspect, r.at(*r.replica), runbook.Glance, r.on(*r.replica), runbook.Advisory())
	return func() error {
		found, err := look.Get()
		switch {
		case temporal.IsCanceledError(err):
			return err
		case err != nil:
			r.hostSilent = failure.Is(err, failure.Unavailable)
			r.Finding("the replica could not be looked at: " + err.Error())
		case !found.Reachable:
			r.Finding("the replica does not answer: " + found.Why)
		}
		r.replicaReads = err == nil && found.Reachable
		return nil
	}
}

func (r *run) stopWrites() (err error) {
	fence := postgres.FenceInput{Where: r.armed(r.primary), Side: postgres.Serving, Expect: r.damaged.Identity}
	if err := runbook.Undo(r.Run, "Resume application writes on the damaged database", postgres.Ref.LiftFence, fence, r.on(r.primary)); err != nil {
		return err
	}
	r.fence, err = runbook.Do(r.Run, "Stop application writes", postgres.Ref.FenceWrites, fence, runbook.Mutate, r.on(r.primary), runbook.Required())
	return err
}

// switchReaders sends readers to the replica if it answers reads; the undo sends
// them where they were. That they are not sent there holds up no recovery.
func (r *run) switchReaders() error {
	endpoint := r.plan.Database.Endpoint
	if !r.replicaReads || endpoint.Kind == plan.EndpointNone {
		return nil
	}
	in := routing.Input{PlanHash: r.plan.PlanHash, Database: r.plan.Database.Name}
	on := runbook.On(postgres.Queue(endpoint.Host))
	class, failing := runbook.Probe, runbook.Required()
	if goesOnWithoutReplica(r.ctx) {
		class, failing = runbook.Glance, runbook.Advisory()
	}
	before, err := runbook.Do(r.Run, "Read where readers are sent", routing.Ref.Readers, in, class, on, failing)
	if err != nil {
		return r.withoutReaders(err)
	}
	r.readersAt = &readers{queue: endpoint.Host, before: r.redirect(in, before)}
	r.readersAt.before.Back = true
	if err := runbook.Undo(r.Run, "Send readers back", routing.Ref.SendReaders, r.readersAt.before, on); err != nil {
		return err
	}
	to := r.redirect(in, r.serverOf(*r.replica))
	options := []runbook.Option{on}
	if goesOnWithoutReplica(r.ctx) {
		options = append(options, failing)
	}
	_, err = runbook.Do(r.Run, "Switch readers to the replica", routing.Ref.SendReaders, to, runbook.Mutate, options...)
	return r.withoutReaders(err)
}

// withoutReaders notes why readers were not switched. A run that was cancelled, or
// that asked people, ends with the error instead.
func (r *run) withoutReaders(err error) error {
	if err == nil || temporal.IsCanceledError(err) || !goesOnWithoutReplica(r.ctx) {
		return err
	}
	r.Finding("readers were not switched to the replica: " + err.Error())
	return nil
}

// examine measures the extent of the damage and looks for its beginning, side by
// side: both only read.
func (r *run) examine() (err error) {
	extent := runbook.Go(r.Run, "Assess the extent of the damage", postgres.Ref.MeasureExtent,
		postgres.ExtentInput{Where: r.at(r.primary), Expect: r.damaged.Identity}, runbook.Scan, r.on(r.primary))
	onset := runbook.Go(r.Run, "Find when the damage began", postgres.Ref.FindOnset,
		postgres.OnsetInput{Where: r.at(r.primary), Until: r.fence.LSN, Disrupted: r.in.DisruptedAt}, runbook.Scan, r.on(r.primary))
	var onsetErr error
	r.extent, err = extent.Get()
	r.onset, onsetErr = onset.Get()
	return errors.Join(err, onsetErr)
}

// choose proposes a target and the way to it, and asks the commander.
func (r *run) choose() (err error) {
	r.proposed, err = runbook.Do(r.Run, "Propose the recovery target", catalog.Ref.Propose, catalog.ProposeInput{
		PlanHash: r.plan.PlanHash, Database: r.plan.Database.Name, SystemID: r.damaged.Identity.SystemID, Timeline: r.damaged.Identity.Timeline,
		Target: r.in.Target, Onsets: r.evidence(), Unsearched: r.onset.Unsearched, RestorePoints: r.onset.RestorePoints,
		Disrupted: r.in.DisruptedAt, Fenced: r.fence.At,
	}, runbook.Probe, runbook.Required())
	if err != nil {
		return err
	}
	if err := r.admitGap(); err != nil {
		return err
	}
	return r.Gate(gateRestore, choicePut{Proposal: r.proposed.Proposal, Choice: r.proposed.Choice, Extent: r.extent, Fence: r.fence})
}

// admitGap notes that the proposed target may be later than the damage, and ends a run
// that nobody asked for: a copy with the damage in it would pass for a recovered one.
func (r *run) admitGap() error {
	proposal := r.proposed.Proposal
	if proposal == nil || proposal.Unsearched == nil || !admitsGaps(r.ctx) {
		return nil
	}
	if !r.in.Automatic {
		r.Finding("the proposed target may be later than the damage: " + proposal.Why)
		return nil
	}
	return failure.New(failure.Refused, "an automatic run recovers to no target that may be later than the damage: %s", proposal.Why).
		WithHint("start a run with --requester, and with --target-time or --target-lsn where you know a moment at which all was well")
}

// evidence is everything that says when the damage began. Bad pages are evidence
// of their own: the log does not carry that damage.
func (r *run) evidence() []recovery.Onset {
	onsets := r.onset.Onsets
	if r.extent.PagesBad > 0 {
		onsets = append(onsets, recovery.Onset{
			Source: recovery.OnsetChecksum, Detail: fmt.Sprintf("%d of %d pages are damaged", r.extent.PagesBad, r.extent.PagesRead),
		})
	}
	return onsets
}

// newestBeforeFence is the newest heartbeat known to have been acknowledged
// before writes were stopped: by the database itself, or by the copy outside it.
func (r *run) newestBeforeFence() *recovery.Heartbeat {
	newest := r.fence.Newest
	if outside := r.proposed.Newest; newest == nil || outside != nil && outside.Sequence > newest.Sequence {
		newest = outside
	}
	return newest
}
