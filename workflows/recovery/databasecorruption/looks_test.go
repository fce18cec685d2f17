package databasecorruption_test

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// beat is a heartbeat so long after the disruption.
func beat(sequence uint64, after time.Duration) *recovery.Heartbeat {
	return &recovery.Heartbeat{
		Sequence: sequence, At: noon.Add(after), LSN: 0x4ffff00, Timeline: 1, SystemID: damaged.SystemID, Incarnation: damaged.Incarnation,
	}
}

// choice leads to the moment before the damage, two seconds before people felt it.
func choice() recovery.Choice {
	return recovery.Choice{
		Target: recovery.Target{Kind: recovery.TargetLSN, LSN: 0x5000000},
		Set: recovery.SetSummary{
			ID: "set-before", Kind: recovery.SetFull, SystemID: damaged.SystemID, Timeline: 1, StartLSN: 0x2000000, StopLSN: 0x2100000, SizeBytes: 1 << 30,
		},
		TargetTimeline: 1, TimelinePath: wal.Path{{Timeline: 1}}, SegmentSize: wal.DefaultSegmentSize,
		Segments: []recovery.SegmentRange{{Range: wal.Range{Timeline: 1, First: 2, Last: 5}}},
	}
}

func reached() recovery.Reached {
	return recovery.Reached{SystemID: damaged.SystemID, Timeline: 1, LSN: 0x5000000, Paused: true, Newest: beat(340, -2*time.Second)}
}

func passed(name string) postgres.CheckResult {
	return postgres.CheckResult{Name: name, Status: postgres.CheckPassed, Got: "1", Want: "1"}
}

func (p pg) Inspect(_ context.Context, in postgres.Where) (postgres.Inspection, error) {
	name, out := "postgres.Inspect primary", postgres.Inspection{
		Reachable: true, Identity: damaged, Version: 150000, DataChecksums: true,
		Baseline: &postgres.Performance{Over: time.Second, TPS: 100, P95: time.Millisecond},
	}
	if in.Host != p.primary {
		name, out.InRecovery = "postgres.Inspect replica", true
		if p.state.ReplicaGone {
			return postgres.Inspection{}, boundary.Out(failure.New(failure.CheckFailed, "the replica's directory is gone"))
		}
	}
	return act(p.world, name, out, nothing)
}

func (p pg) MeasureExtent(context.Context, postgres.ExtentInput) (postgres.Extent, error) {
	return act(p.world, "postgres.MeasureExtent", postgres.Extent{PagesRead: 1000, PagesBad: 2}, nothing)
}

func (p pg) FindOnset(context.Context, postgres.OnsetInput) (postgres.OnsetReport, error) {
	out := postgres.OnsetReport{Onsets: []recovery.Onset{{Source: recovery.OnsetWAL, LSN: 0x5000000, Timeline: 1, XID: 99}}}
	return act(p.world, "postgres.FindOnset", out, nothing)
}

func (p pg) ProveChain(context.Context, postgres.ChainInput) (postgres.ChainProof, error) {
	return act(p.world, "postgres.ProveChain", postgres.ChainProof{Segments: 4, Timelines: []wal.Timeline{1}}, nothing)
}

func (p pg) VerifyFiles(context.Context, postgres.CheckInput) (postgres.Verified, error) {
	return act(p.world, "postgres.VerifyFiles", postgres.Verified{Tool: "pg_verifybackup"}, nothing)
}

func (p pg) CheckIntegrity(context.Context, postgres.CheckInput) (postgres.Integrity, error) {
	return act(p.world, "postgres.CheckIntegrity", postgres.Integrity{Relations: 12, Tool: "pg_amcheck"}, nothing)
}

func (p pg) RunChecks(context.Context, postgres.CheckInput) (postgres.Checks, error) {
	return act(p.world, "postgres.RunChecks", postgres.Checks{Results: []postgres.CheckResult{passed("rows")}}, nothing)
}

func (p pg) ReadHeartbeats(context.Context, postgres.CheckInput) (postgres.Heartbeats, error) {
	return act(p.world, "postgres.ReadHeartbeats", postgres.Heartbeats{Newest: reached().Newest, Rows: 340}, nothing)
}

func (p pg) ProbeApplication(context.Context, postgres.CheckInput) (postgres.Checks, error) {
	return act(p.world, "postgres.ProbeApplication", postgres.Checks{Results: []postgres.CheckResult{passed("login")}}, nothing)
}

func (p pg) MeasureLoss(context.Context, postgres.LossInput) (postgres.Loss, error) {
	out := postgres.Loss{Tables: []postgres.TableLoss{{Table: "public.work", Inserted: 660}}, Transactions: 660, Complete: true}
	return act(p.world, "postgres.MeasureLoss", out, nothing)
}

func (p pg) Observe(_ context.Context, in postgres.ObserveInput) (postgres.Observation, error) {
	if !in.Disrupted.Equal(noon) || in.Baseline == nil {
		return postgres.Observation{}, boundary.Out(failure.New(failure.InvalidInput, "nobody says what it is compared with: %+v", in))
	}
	return act(p.world, "postgres.Observe", postgres.Observation{
		Performance: postgres.Performance{Over: in.For, TPS: 99}, Verdicts: []postgres.CheckResult{passed("throughput")},
	}, nothing)
}

// shelf is the catalog.
type shelf struct{ *world }

func (s shelf) Propose(_ context.Context, in catalog.ProposeInput) (catalog.Proposed, error) {
	out := catalog.Proposed{Choice: choice(), Sets: 1, Newest: beat(1000, 11*time.Minute-2*time.Second)}
	if in.Target != nil {
		out.Choice.Target = *in.Target
	} else {
		out.Proposal = &recovery.Proposal{Candidate: recovery.Candidate{Target: out.Choice.Target, Confidence: recovery.ConfidenceHigh}}
	}
	return act(s.world, "catalog.Propose", out, nothing)
}

// holder holds the keys.
type holder struct{ *world }

func (h holder) Release(_ context.Context, in keys.ReleaseInput) (keys.Released, error) {
	return act(h.world, "keys.Release", keys.Released{Object: "v1/runs/x/answer.sealed", SHA256: "bb", Keys: 2, Sets: []string{in.Set}},
		func() error { return h.permit(in) })
}
