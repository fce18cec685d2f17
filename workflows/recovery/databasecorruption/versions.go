package databasecorruption

import "go.temporal.io/sdk/workflow"

// Changes to what this workflow does, one predicate each; internal/runbook's
// versions.go says how.

// goesOnWithoutReplica: a replica or a pooler that is gone is a finding. Its host is
// looked at again before the replica is rebuilt, and a switch of readers that fails
// asks nobody; before, both held the run with writes stopped.
func goesOnWithoutReplica(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "goes-on-without-replica", workflow.DefaultVersion, 1) >= 1
}

// tellsHostsOfCommit: the hosts whose clusters changed write down that the cut-over was
// committed; before, only the stores did.
func tellsHostsOfCommit(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "tells-hosts-of-commit", workflow.DefaultVersion, 1) >= 1
}

// admitsGaps: a target that may be later than the damage is a finding, and the end of a
// run that nobody asked for; before, the gate was opened without a word.
func admitsGaps(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "admits-gaps", workflow.DefaultVersion, 1) >= 1
}
