// Package wire is what the small wal binary and the daemon say to each other
// over the unix socket: one request, one answer, both JSON behind a length of
// four bytes (big endian), both bounded. The package links nothing but the
// standard library and the failure classes, so that the binary PostgreSQL calls
// for every segment starts in milliseconds.
package wire
