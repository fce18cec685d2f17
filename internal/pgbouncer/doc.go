// Package pgbouncer points a PgBouncer pool at another PostgreSQL server.
//
// A route is one entry of PgBouncer's [databases] section: the name clients
// connect to, and the server behind it. Redirect rewrites that one line in place
// (temporary file, fsync, rename, so that a crash leaves the old file or the new
// one), reloads PgBouncer, and then asks PgBouncer itself, through SHOW
// DATABASES, where the entry leads now: a file written is not a route changed.
//
// Source: PgBouncer documentation, "config" section [databases] and "usage"
// section Admin console.
package pgbouncer
