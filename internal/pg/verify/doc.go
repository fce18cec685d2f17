// Package verify judges a restored cluster: pg_verifybackup over its files
// before it is started, the plan's SQL checks against their expected results, a
// login as the application, and the latency of its critical queries.
//
// A check that could not be run is unknown, never passed.
package verify
