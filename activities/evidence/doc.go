// Package evidence keeps a run's record in the stores: pages of its timeline,
// the locked head of each phase, the undo mirror, and the lease under which a
// run may change a service. What is here must be readable without Temporal:
// `starter undo` and an auditor use the same functions.
//
// # Objects
//
// All are JSON, created once and never overwritten.
//
//	v1/runs/<workflow>/<first run>/timeline/<first seq, 16 digits>.json
//	v1/runs/<workflow>/<first run>/heads/<count, 16 digits>-<phase>.json     locked
//	v1/runs/<workflow>/<first run>/undo/<number, 6 digits>/recorded.json
//	v1/runs/<workflow>/<first run>/undo/<number, 6 digits>/done.json
//	v1/leases/<service>/<token, 16 hex digits>/acquire.json
//	v1/leases/<service>/<token, 16 hex digits>/renew-<number, 8 digits>.json
//	v1/leases/<service>/<token, 16 hex digits>/release.json
//	v1/clock/<service>/<nanoseconds>.json                                    tells the store's time; "{}"
//
// Names are path-escaped, so that no workflow ID can leave its folder.
//
// # How many stores
//
// Timeline, heads and undo records are written to every store; one is enough to
// go on, and what is missing elsewhere is returned so that it can be repaired.
// A lease follows the rule of recovery.Ballot: it needs a majority of the stores
// the plan names, by each store's own clock, so two runs can never both hold it.
// With two stores that is both of them. When a store does not answer, acquiring
// fails with failure.Unavailable; a person may decide to go on with the stores
// that do (AcquireIn.Partial), and the run records who did.
//
// # Running twice
//
// Every operation is safe to repeat: an object that is already there with the
// same bytes counts as written; with other bytes it is failure.Exists.
package evidence
