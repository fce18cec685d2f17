// Package cluster is one PostgreSQL data directory on this host: whose it is,
// whether a server runs in it, and starting and stopping that server.
//
// # Telling clusters apart
//
// A restored cluster has the system identifier of the one it was made from. So
// a directory also carries an incarnation (file holdfast.incarnation), and
// everything destructive takes the Expected identity and refuses with
// failure.IdentityMismatch, showing both.
//
// # Proving a server dead
//
// A missing postmaster.pid proves nothing: it may have been deleted under a
// live server. A server is stopped only when no process on this host has the
// data directory as its working directory (PostgreSQL's processes all do) and
// pg_ctl agrees. Where that cannot be seen the answer is Unknown.
package cluster
