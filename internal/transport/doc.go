// Package transport finds out why a TLS connection does not come about.
//
// gRPC reports every failure to connect as one class, with the reason in a text.
// A wrong certificate authority does not get better by waiting, so whoever has to
// tell a person what to do looks again, at the handshake alone.
package transport
