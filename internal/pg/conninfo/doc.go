// Package conninfo reads and completes libpq connection strings. It connects to
// nothing.
//
// libpq's own default, sslmode=prefer, sends a password to whoever answers at an
// address and takes no encryption for an answer. Here a server on another machine
// must prove its name unless the string says otherwise.
package conninfo
