// Package guard stands before everything destructive that a host may be asked to
// do for a service. It judges the run's warrant (package warrant), asks the stores
// whose the lease is that the run shows (recovery.Ballot.Vouch), and remembers on the
// host's own disk which lease token was the newest it acted for: an older one is
// refused, whoever sends it, so that a run that lost its lease, an undo by hand and a
// live run never act after one another in the wrong order. While one of them is at
// work the others wait. A run whose cut-over was committed is over: nothing of it is
// done or undone on a host that was told.
//
// # On disk
//
// Files for each service below the host's state directory, replaced atomically and
// synced before anything is done:
//
//	lease/<service>.json                 newest token and its holder, and the proofs accepted for it
//	lease/<service>.lock                 held while something destructive is at work
//	lease/<service>.commit-<hash>.json   a run whose cut-over was committed, what it replaced and what it kept
//
// An approval that expires after this host accepted it once stays good for the same
// lease: a restore of hours, or a step that people repair and retry, is not stopped
// half-way by the signature of the gate before it.
//
// # Between the question and the act
//
// A lease may pass on after the stores were asked. Whoever takes it finds this host's
// lock held, waits, and acts after; the memory then refuses what is older. That leaves
// one step of the run before, begun in order, and not two at once.
package guard
