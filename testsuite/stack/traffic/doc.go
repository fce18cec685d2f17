// Package traffic is the application of the demo and the tests: it writes a few
// rows a second through the pool with the application's own role, and keeps
// outside the database what was acknowledged.
//
// That record is the truth a recovery is judged by: an acknowledged row whose
// commit lies before the target must be there afterwards, and the newest one
// that is gone says how much work was lost.
package traffic
