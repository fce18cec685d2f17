// Package swap exchanges a damaged PostgreSQL data directory for a restored
// one on the same host, and exchanges them back.
//
// # The places
//
//	data                      the service's directory
//	data.damaged-RUN          the damaged cluster, kept and readable
//	data.restored-RUN         the restored cluster after a reversal, kept
//	data.tablespaces-RUN      the restored cluster's tablespaces
//	WORKSPACE/data            the restored cluster before
//
// # How it decides
//
// What to do next follows from what is on disk alone: which cluster, by system
// identifier and incarnation, is at which name. Next is that decision, a pure
// function; In and Back look, decide and carry out one move, until nothing is
// left to move. So whatever a killed call left behind is completed or reversed
// by the next one, and a call that finds its work done changes nothing.
//
// # What it proves before each move
//
// The identity of the cluster that moves (system identifier, timeline,
// incarnation), that its server is dead, and that the move is one rename on one
// file system. Nothing is copied, and nothing is ever deleted.
//
// # Settings
//
// The restored cluster takes over the service's own settings when it has taken
// its place, not before: until then it stays isolated. The damaged cluster's
// files are not touched; what makes it readable only is given at its start.
package swap
