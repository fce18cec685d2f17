// Package tlstest issues TLS certificates for tests. Each authority is its own
// root, valid for an hour, and its certificates are for loopback only.
package tlstest
