// Package restore brings a set's files back: beside the damaged cluster, into a
// workspace made for one run, or in place, over it.
//
// Beside is the rule. In place needs a Permission: a locked copy of the damaged
// state, or somebody who said that there is no way back; and then the server
// proved dead, the identity right, pg_wal moved aside, and pg_control written
// last, so that a half restored directory can never be started.
//
// A restored directory is a new incarnation and says which run made it.
package restore
