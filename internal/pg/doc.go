// Package pg reaches PostgreSQL: how a server is connected to, how its programs
// are run, and what its errors mean. Everything that acts on a cluster lives in
// a package below it:
//
//	cluster     one data directory: identity, incarnation, start and stop
//	inspect     what a server says about itself, or why it cannot say it
//	fence       no more writes, provably, and back again exactly
//	damage      page checksums and amcheck: which relations are hurt
//	onset       which transaction did it, read from the write-ahead log
//	basebackup  a running cluster into an archive set
//	restore     a set into a workspace, replayed to a target, promoted
//	verify      pg_verifybackup, amcheck, the plan's checks, logins, latency
//	swap        the restored cluster takes the damaged one's place, and back
//	replica     rebuilds a standby
//	observe     throughput, latency and lag against a baseline
//	heartbeat   the table that proves which position was reached
//
// # Promises
//
//   - PostgreSQL 13 to 18. What differs between majors is in version.go.
//   - As root, PostgreSQL's programs run as the owner of the data directory;
//     as an ordinary user they run as that user.
//   - Errors are classed; a server that answers half is unknown, never fine.
//   - Nothing here knows Temporal or the plan. Every function says what happens
//     when it runs twice or was killed half-way.
package pg
