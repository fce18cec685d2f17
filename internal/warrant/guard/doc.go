// Package guard stands before everything destructive that a host may be asked to
// do for a service. It judges the run's warrant (package warrant), and it remembers
// on the host's own disk which lease token was the newest it acted for: an older
// one is refused, whoever sends it, so that a run that lost its lease, an undo by
// hand and a live run never act after one another in the wrong order. While one of
// them is at work the others wait.
//
// # On disk
//
// One file for each service below the host's state directory, replaced atomically
// and synced before anything is done:
//
//	lease/<service>.json    newest token and its holder, and the proofs accepted for it
//	lease/<service>.lock    held while something destructive is at work
//
// An approval that expires after this host accepted it once stays good for the same
// lease: a restore of hours, or a step that people repair and retry, is not stopped
// half-way by the signature of the gate before it.
package guard
