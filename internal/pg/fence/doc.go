// Package fence stops an application's writes at the database, provably, and
// lets them in again exactly as before.
//
// # How
//
// Each application role gets CONNECTION LIMIT 0 (NOLOGIN where it is a
// superuser, whom limits do not bind) and, in each application database,
// default_transaction_read_only = on. Its sessions are ended. Then it is proved:
// the catalog says so, no session of such a role is left, and a login as the
// application is refused. Subscriptions of logical replication, which the server's own
// workers apply, are disabled, and it is proved that no such worker is left.
// Holdfast's own role stays in. Anybody else who may write,
// by a session that is there or a login that is possible, makes the fence fail,
// unless the plan names that role; a superuser without a session does not.
//
// # Twice, and half-way
//
// What was there before is written to a record file beside the data directory
// before anything changes. A second fence finds the record and never takes the
// fenced values for the prior ones; Lift works from it whatever was reached.
package fence
