package runbook

import "go.temporal.io/sdk/workflow"

// Changes to what the kit does in a workflow (another activity, another order,
// another timer) break runs that are in flight, unless the old way is kept for
// them. Each change gets one predicate here, and is asked for where the two ways
// part:
//
//	// leasesAfterGate (released in 1.3): the lease is taken after the first gate.
//	func leasesAfterGate(ctx workflow.Context) bool {
//		return workflow.GetVersion(ctx, "leases-after-gate", workflow.DefaultVersion, 1) >= 1
//	}
//
// A predicate goes when no history older than the change is left under
// testdata/replay and none is running.

// commitsOnceServing: a commit counts from the moment the service serves again;
// before, it counted at once, whatever was still to be done.
func commitsOnceServing(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "commits-once-serving", workflow.DefaultVersion, 1) >= 1
}

// namesSigningKeys: the timeline names the key that signed a message, and for every
// refused one the next command. An entry's hash is part of what the next question
// asks people to sign.
func namesSigningKeys(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "names-signing-keys", workflow.DefaultVersion, 1) >= 1
}

// tellsAtOnce: whoever may answer a declaration, a gate or a cut-over is told when it
// is opened; before, when its first level of escalation was due.
func tellsAtOnce(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "tells-at-once", workflow.DefaultVersion, 1) >= 1
}

// shieldsCutOver: a request to cancel does not undo a cut-over; before, it did.
func shieldsCutOver(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "shields-cut-over", workflow.DefaultVersion, 1) >= 1
}

// comparesClocks: hosts' clocks are compared with the run's, and the timeline says of
// each instant whether its source's clock is known; before, every offset was written
// as zero.
func comparesClocks(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "compares-clocks", workflow.DefaultVersion, 1) >= 1
}

// bindsDeclarations: a declaration signed beforehand names the occasion, and is used
// up in the stores; before, it named workflow, incident and plan, and counted as
// often as it was sent within its validity.
func bindsDeclarations(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "binds-declarations", workflow.DefaultVersion, 1) >= 1
}

// showsWaiting: details and search attributes say that a run waits for people while
// it does; before, they were written just before the wait began, and said running.
func showsWaiting(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "shows-waiting", workflow.DefaultVersion, 1) >= 1
}
