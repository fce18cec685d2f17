package databasecorruption

import (
	"errors"
	"fmt"
	"strings"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// validate judges the restored copy while it is still paused and read-only, and
// puts what it found to the commander.
func (r *run) validate() error {
	restored := postgres.CheckInput{Where: r.at(r.primary), Side: postgres.Restored}
	integrity := runbook.Go(r.Run, "Check every table and index", postgres.Ref.CheckIntegrity, restored, runbook.Scan, r.on(r.primary), runbook.Required())
	checks := runbook.Go(r.Run, "Run the plan's checks", postgres.Ref.RunChecks, restored, runbook.Scan, r.on(r.primary), runbook.Required())
	beats := runbook.Go(r.Run, "Read the heartbeats that survived", postgres.Ref.ReadHeartbeats, restored, runbook.Probe, r.on(r.primary))
	login := runbook.Go(r.Run, "Log in as the application", postgres.Ref.ProbeApplication, restored, runbook.Probe, r.on(r.primary), runbook.Required())
	loss := runbook.Go(r.Run, "Count the work after the target", postgres.Ref.MeasureLoss,
		postgres.LossInput{Where: r.at(r.primary), From: r.replayed.Reached.LSN, Timeline: r.replayed.Reached.Timeline, Until: r.fence.LSN}, runbook.Scan, r.on(r.primary))

	var errs [5]error
	var found postgres.Heartbeats
	var plans, application postgres.Checks
	r.checked.Integrity, errs[0] = integrity.Get()
	plans, errs[1] = checks.Get()
	found, errs[2] = beats.Get()
	application, errs[3] = login.Get()
	r.checked.Loss, errs[4] = loss.Get()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	r.measurePoint(found.Newest)
	r.checked.Reached = r.replayed.Reached
	r.checked.Checks = append(plans.Results, application.Results...)
	r.checked.Newest = found.Newest
	r.checked.WorkLost = r.rpo.WorkLost.Amount
	return r.Gate(gateCutOver, r.checked.shown())
}

// shownTables is how many tables' losses are put to the approvers: what they sign
// is bounded, and one that is too large would end the recovery at its gate.
const shownTables = 100

// shown is what the approvers see; the report lists every table.
func (p cutOverPut) shown() cutOverPut {
	if more := len(p.Loss.Tables) - shownTables; more > 0 {
		p.Loss.Tables = p.Loss.Tables[:shownTables]
		p.Loss.Detail = strings.TrimPrefix(fmt.Sprintf("%s; and %d more tables, with fewer rows each", p.Loss.Detail, more), "; ")
	}
	return p
}

// measurePoint computes the recovery point from the heartbeat that survived.
func (r *run) measurePoint(surviving *recovery.Heartbeat) {
	r.rpo = recovery.RPO(recovery.RPOInput{
		Disrupted:          recovery.Instant{At: r.in.DisruptedAt, Source: r.reporter(), Known: true},
		NewestSurviving:    recovery.HeartbeatInstant(surviving, "heartbeat in the restored database"),
		NewestAcknowledged: recovery.HeartbeatInstant(r.newestBeforeFence(), "heartbeat acknowledged before the fence"),
		Objective:          r.rpoObjective(),
	})
}
