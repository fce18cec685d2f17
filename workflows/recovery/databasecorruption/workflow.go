package databasecorruption

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// The phases, as the plan names them.
const (
	assessment  = "assessment"
	preparation = "preparation"
	restoration = "recovery"
	validation  = "validation"
	restart     = "restart"
)

// The gates, as the plan names them.
const (
	gateRestore = "restore"
	gateCutOver = "cut-over"
)

// Run is the workflow.
func Run(ctx workflow.Context, in Input) (Result, error) {
	r, err := open(ctx, in)
	if err != nil {
		return Result{}, err
	}
	err = r.follow()
	return r.close(err)
}

// follow is the runbook: five phases, each in the file of its name.
func (r *run) follow() error {
	for _, phase := range []struct {
		name   string
		follow func() error
	}{
		{assessment, r.assess},
		{preparation, r.prepare},
		{restoration, r.recover},
		{validation, r.validate},
		{restart, r.restart},
	} {
		if err := r.Enter(phase.name); err != nil {
			return err
		}
		if err := phase.follow(); err != nil {
			return err
		}
	}
	return nil
}

// run is one run of the runbook and what it has learned so far.
type run struct {
	*runbook.Run
	ctx     workflow.Context //nolint:containedctx // a workflow's context lives as long as its run
	in      Input
	plan    plan.Extract
	primary plan.DatabaseHost
	replica *plan.DatabaseHost // nil: the database has none

	damaged      postgres.Inspection // the primary as found
	replicaReads bool                // the replica answered at the first look
	hostSilent   bool                // not even a worker on its host did
	readersAt    *readers            // where readers were sent before; nil: no endpoint
	fence        postgres.Fence
	extent       postgres.Extent
	onset        postgres.OnsetReport
	proposed     catalog.Proposed
	released     postgres.Sealed
	fetched      postgres.Fetched
	replayed     postgres.Replayed
	checked      cutOverPut
	promoted     postgres.Promoted
	swapped      postgres.Swapped
	backup       postgres.BackedUp
	archived     postgres.Archived
	observed     postgres.Observation
	provisional  *runbook.Provisional
	rpo          recovery.RPOResult
}
