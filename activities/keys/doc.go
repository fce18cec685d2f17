// Package keys holds the key holder's activity: it releases the session keys of
// the wanted sets to the host that restores them, sealed to a key only that host
// has, once people have signed for the restore. It runs on a task queue of its own, on a machine that holds the private
// keys and nothing else.
package keys
