// Package databasecorruption is the runbook for a corrupted database: the DR
// plan's "Scenario 2: Database Corruption" carried out in the five phases of its
// "Database Recovery Runbook" (Appendix A).
//
// # Trigger
//
// Database errors or data inconsistency alerts. Anybody, and monitoring, may
// start it. A start without a signed declaration only looks.
//
// # Objective
//
// The database serves again, at the moment before the damage, within the RTO of
// the service that owns it, with the RPO measured from heartbeat rows.
//
// # Preconditions
//
// A verified or unproved backup set older than the damage and the WAL from there
// on in at least one store; space for a second copy of the database on its host;
// people who can sign the gates. Each is proved by a step, none is assumed.
//
// # Steps
//
// Assessment (assessment.go)
//
//  1. Check connectivity and identity of primary and replica.
//  2. Gate "declare": the incident is declared. From here on things change.
//  3. Stop application writes at the database. Undo: lift the fence.
//  4. Switch readers to the replica; where that fails, go on and say so. Undo: switch them back.
//  5. Assess the extent: page checksums, amcheck, damage per table.
//  6. Find when it began: heartbeats, the damaging transaction in WAL, invariants.
//  7. Propose the recovery target with its expected loss and duration.
//  8. Gate "restore": the incident commander approves that choice.
//
// Preparation (preparation.go)
//
//  9. Create the recovery workspace, its space proved. Undo: remove it.
//  10. Prove that every WAL segment the target needs is in a store.
//  11. Have the key holder release the session keys of the wanted objects.
//  12. Fetch the backup set into the workspace, beside the damaged cluster.
//
// Recovery (recovery.go)
//
//  13. Verify the restored files with pg_verifybackup.
//  14. Apply WAL up to the target, and pause there.
//  15. Compare timeline, position and time reached with what was asked.
//
// Validation (validation.go)
//
//  16. Run amcheck over the restored database.
//  17. Run the plan's SQL checks against their expected results.
//  18. Read the newest surviving heartbeat; check that none is missing before it.
//  19. Log in as the application, run the critical queries.
//  20. Count, per table, the work that the target leaves behind.
//  21. Gate "cut-over": the incident commander approves what was validated.
//
// Restart (restart.go)
//
//  22. Promote the restored database to a new timeline.
//  23. Cut over: the restored cluster takes the service port, the damaged one is
//     kept aside, readable. Undo: swap back.
//  24. Take a new base backup and prove that WAL flows on the new timeline.
//  25. Rebuild the replica, unless its host is silent now. Undo: put the old one back.
//  26. Switch readers back, resume writes, log in as the application.
//  27. Watch throughput, latency and replica lag against the baseline.
//  28. Notify stakeholders of the recovery.
//  29. Decision: keep the recovered database (commit), or roll back. Without a
//     decision by the plan's deadline, what the plan says happens.
//
// # Rollback
//
// Until the decision every dangerous step has its undo registered before it ran.
// An abort, a cancelled or failed run and a rollback run them newest first. The
// damaged cluster is never changed: it is stopped, renamed and kept.
package databasecorruption
