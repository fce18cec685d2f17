package report_test

import (
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/wal"
)

var epoch = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

func known(seconds float64, source string) recovery.Instant {
	return recovery.Instant{At: at(seconds), Source: source, Uncertainty: 20 * time.Millisecond, Known: true, ClockKnown: true}
}

func step(title string, begin, end float64) report.Step {
	return report.Step{Title: title, Begin: at(begin), End: at(end), Outcome: report.StepSucceeded, Attempts: 1}
}

// sample is a drill as the corruption runbook would report it.
func sample() report.Input {
	in := report.Input{
		GeneratedAt: at(900), Drill: true,
		Incident: report.Incident{
			ID: "orders-2026-03-01", Title: "Bad migration emptied a table", Severity: "P1", Service: "Order database", Priority: "P1",
			Scenario: "Database Corruption", System: "system 7310000000000000001",
		},
		Objective: "Show that the order database comes back to the moment before a bad migration, with people approving, within its objectives.",
		Scenario:  "A migration deleted rows from orders while the application went on writing. It was found by an invariant eleven seconds later.",
		Plan:      report.Plan{Title: "Disaster Recovery Plan", Version: "1.0", SHA256: "9f2c5a8e0d7b41c6a3e1f00b5d2c7e8894a6b3d1c0f2e5a7b8d9c6e3f1a20b47"},
		Run: report.Run{
			Workflow: "DatabaseCorruption", WorkflowID: "database-corruption/orders", RunID: "0194f5a2-6b1e-7c3d-9f00-2a4b6c8d0e1f",
			Requester: "monitoring", Outcome: report.Recovered, Started: at(20), Ended: at(412),
		},
		Instants: recovery.Instants{
			Disrupted: known(0, "pg_waldump: commit of transaction 4711"), Detected: known(11, "invariant orders_not_empty"),
			Declared: known(20, "signed declaration"), Started: known(20, "run"), DataRecovered: known(262, "replay paused at the target"),
			Serving: known(318, "application login"), Verified: known(410, "observation time over"),
		},
	}
	in.Instants.Approved = []recovery.Approval{{Gate: "Restore to the proposed target", Instant: known(118, "2 of 2 approvals")}}
	in.Waits = []recovery.Wait{{Reason: "Restore to the proposed target", From: at(48), To: at(118)}, {Reason: "Cut over", From: at(284), To: at(302)}}
	in.RTO = recovery.RTO(in.Instants, in.Waits, recovery.Objective{Limit: 4 * time.Hour})
	in.RPO = recovery.RPO(recovery.RPOInput{
		Disrupted: in.Instants.Disrupted, NewestSurviving: known(-0.4, "heartbeat"), NewestAcknowledged: known(24, "heartbeat copy"),
		Objective: recovery.Objective{Limit: time.Hour},
	})
	in.Phases = samplePhases()
	in.Gates = sampleGates()
	addFindings(&in)
	addChoice(&in)
	addTimeline(&in)
	return in
}

func samplePhases() []report.Phase {
	fetch := step("Fetch backup parts from the fastest healthy store", 132, 190)
	fetch.Attempts, fetch.Detail = 2, "first attempt: store eu-primary answered 503"
	amcheck := step("Check every index and table with pg_amcheck", 262, 276)
	skipped := step("Compare row counts with the replica", 276, 277)
	skipped.Outcome, skipped.Detail = report.StepSkipped, "the replica had replayed the damage"
	return []report.Phase{
		{Name: "Assessment", Budget: 2 * time.Minute, Begin: at(20), End: at(118), Steps: []report.Step{
			step("Stop application writes at the database", 21, 24), step("Switch readers to the replica", 24, 26), step("Find the damaging transaction in the log", 26, 41),
			step("Propose target, set and loss", 41, 48),
		}},
		{Name: "Preparation", Budget: time.Minute, Begin: at(118), End: at(190), Breach: "ran 12 s over; extended by the commander: store answered slowly", Steps: []report.Step{
			step("Prove free space in the workspace", 118, 120), step("Prove the WAL chain to the target", 120, 132), fetch,
		}},
		{Name: "Recovery", Budget: 30 * time.Minute, Begin: at(190), End: at(262), Steps: []report.Step{
			step("Restore beside the damaged cluster", 190, 226), step("Replay to just before the damage", 226, 260), step("Compare what was reached with what was asked", 260, 262),
		}},
		{Name: "Validation", Budget: 4 * time.Minute, Begin: at(262), End: at(302), Steps: []report.Step{amcheck, skipped, step("Log in as the application and run its critical queries", 277, 284)}},
		{Name: "Restart", Budget: time.Hour, Begin: at(302), End: at(410), Steps: []report.Step{
			step("Cut over", 302, 309), step("Resume writes", 309, 318), step("Take a new base backup and prove that WAL flows", 318, 371), step("Watch against the baseline", 340, 410),
		}},
	}
}

func sampleGates() []report.Gate {
	return []report.Gate{
		{
			Title: "Restore to the proposed target", Phase: "Assessment", Opened: at(48), Closed: at(118), Outcome: "passed", Quorum: 2, Shown: "set base-0007 and WAL to 0/5A000028, expected loss 24.4 s",
			Approvals: []report.Approval{
				{Person: "Commander A", Role: "incident commander", Verdict: "approved", At: at(90), Key: "SHA256:uF3k"},
				{Person: "Lead B", Role: "technical lead", Verdict: "approved", At: at(118), Key: "SHA256:9ad2"},
			},
		},
		{
			Title: "Cut over", Phase: "Validation", Opened: at(284), Closed: at(302), Outcome: "passed", Quorum: 1,
			Approvals: []report.Approval{{Person: "Commander A", Role: "incident commander", Verdict: "approved", At: at(302), Key: "SHA256:uF3k", Reason: "checks are good"}},
		},
	}
}

func addFindings(in *report.Input) {
	in.Criteria = []report.Criterion{
		{Title: "Verified health within the RTO", Verdict: in.RTO.Total.Verdict, Evidence: "410 s of 4 h"},
		{Title: "Point reached within the RPO", Verdict: in.RPO.PointReached.Verdict, Evidence: "heartbeat 86400 read back"},
		{Title: "Recovery ended where it was asked to", Verdict: recovery.VerdictMet, Evidence: "0/5A000028 on timeline 1, exclusive"},
		{Title: "New backups flow on the new timeline", Verdict: recovery.VerdictMet, Evidence: "base-0008, segment 000000020000000000000006"},
	}
	in.Checks = []report.Check{
		{Title: "pg_amcheck", Expected: "no findings", Got: "no findings in 214 relations", Verdict: recovery.VerdictMet},
		{Title: "orders are not empty", Expected: "> 0 rows", Got: "1 204 311 rows", Verdict: recovery.VerdictMet},
		{Title: "replica lag against the baseline", Expected: "≤ 2 s", Got: "no replica yet", Verdict: recovery.VerdictUnknown},
	}
	in.Lost = []report.LostTable{
		{Table: "public.orders", Inserts: report.Count{Rows: 212, Known: true}, Updates: report.Count{Rows: 40, Known: true}, Deletes: report.Count{Rows: 1204311, Known: true}, Note: "the deletes are the damage"},
		{Table: "public.audit", Inserts: report.Count{Rows: 252, Known: true}, Note: "updates cannot be told apart"},
	}
	in.Issues = []report.Issue{{Title: "Store eu-primary answered 503 for nine seconds", Severity: "Medium", Impact: "Preparation ran 12 s over its budget", Resolution: "Parts came from us-secondary; retried and verified"}}
	in.Lessons = []string{"The invariant found the damage before any person did.", "Two approvers took longer than the restore."}
	in.NextSteps = []string{"Raise the preparation budget to two minutes.", "Replay the 212 lost orders from the damaged cluster before it is released."}
	in.Repairs = []report.Repair{{At: at(141), Title: "Part 00f3 taken from us-secondary", Detail: "eu-primary answered 503"}}
	in.Stores = []report.StoreState{{Name: "eu-primary", Provider: "s3", Verdict: recovery.VerdictMet, Detail: "all parts and WAL"}, {Name: "us-secondary", Provider: "gcs", Verdict: recovery.VerdictMet, Detail: "all parts and WAL"}}
	in.Versions = []evidence.Pair{{Key: "PostgreSQL", Value: "15.14"}, {Key: "holdfast", Value: "v0.1.0"}}
}

func addChoice(in *report.Input) {
	target := recovery.Target{Kind: recovery.TargetLSN, LSN: 0x5A000028, Timeline: 1}
	in.Choice = &recovery.Choice{
		Target: target, TargetTimeline: 1, TimelinePath: wal.History{Timeline: 1}.Path(), SegmentSize: wal.DefaultSegmentSize,
		Set: recovery.SetSummary{
			ID: "base-0007", Kind: recovery.SetFull, SystemID: 7310000000000000001, Timeline: 1, StartLSN: 0x28000028, StopLSN: 0x2A000100,
			Verified: recovery.VerifiedRestored, Stores: []string{"eu-primary", "us-secondary"},
		},
		Segments:      []recovery.SegmentRange{{Range: wal.Range{Timeline: 1, First: 0x28, Last: 0x5A}, Stores: []string{"eu-primary", "us-secondary"}}},
		ExpectedReach: recovery.Reach{LSN: 0x5A000028, Time: at(-0.4), Basis: recovery.BasisExact},
		ExpectedLoss:  recovery.Amount{Duration: 24400 * time.Millisecond, Known: true}, BytesToFetch: 1 << 30, EstimatedDuration: recovery.Amount{Duration: 95 * time.Second, Known: true},
		Why: []string{"Set base-0007 is the newest sound set that is consistent before the target."},
	}
	in.Reached = &recovery.Reached{SystemID: 7310000000000000001, Timeline: 1, LSN: 0x5A000028, LastCommitTime: at(-0.2), Paused: true}
	in.Target = report.Criterion{Title: "Asked for " + target.String(), Verdict: recovery.VerdictMet, Evidence: "replay stopped by itself at 0/5A000028 on timeline 1"}
}

func addTimeline(in *report.Input) {
	chain := evidence.New("database-corruption/orders/0194f5a2")
	chain.Append(evidence.Entry{At: at(20), Kind: evidence.RunStarted, Title: "Recover the order database", Actor: "monitoring"})
	for _, p := range in.Phases {
		chain.Append(evidence.Entry{At: p.Begin, Kind: evidence.PhaseEntered, Phase: p.Name, Title: p.Name + " begins"})
		for i, s := range p.Steps {
			chain.Append(evidence.Entry{At: s.End, Kind: evidence.StepSucceeded, Phase: p.Name, Step: fmt.Sprint(i), Title: s.Title, Target: "db1", Detail: s.Detail})
		}
	}
	in.Timeline, in.Head, in.HeadKept = chain.Held(), chain.Head(), "eu-primary and us-secondary, locked until 2027-03-01"
}
