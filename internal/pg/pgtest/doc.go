// Package pgtest starts private PostgreSQL servers for tests: with page
// checksums, on a free loopback port and a Unix socket of their own, killed
// with the test.
//
//	server := pgtest.Start(t)                       // superuser "postgres", trusted on the socket
//	server.Exec(t, "CREATE TABLE t (a int)")
//	conn := server.Connect(t)
//
// Roles that log in over 127.0.0.1 need their password (scram-sha-256).
// As root the servers run as user postgres, or nobody where there is none.
// PostgreSQL's programs are those of $HOLDFAST_POSTGRES, a bin directory, which
// is how the tests run on another major version; else they are looked for in
// $HOLDFAST_TOOLS, then PATH, then /usr/lib/postgresql/*/bin. A test without them
// fails.
//
// The first use of a machine runs initdb into a template under the temporary
// directory; every server starts from a copy of it, so all share one system
// identifier. Fresh gives a cluster of its own.
package pgtest
