// Package recovery decides, and does nothing: which backup set and which WAL
// lead to a recovery target, whether recovery ended where it was asked to, what
// RTO and RPO were achieved, what retention may delete, when damage began and
// who holds the lease to act.
//
// Every function is pure: the same question has the same answer on every host
// and in every replay. No clock, no randomness, no input or output; the caller
// passes the time. Nothing here imports more than the standard library,
// internal/failure and internal/wal.
//
// # Rules of the package
//
//   - Unknown is a value of its own. It is never met, never fine, never zero.
//   - A choice is returned only with its whole WAL chain proved from the inventory.
//   - Refusals are classed errors that name what is missing and what to run next.
package recovery
