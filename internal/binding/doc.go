// Package binding binds what a plan names to the real thing: stores to open
// clients, recipients and hosts to their keys, a database's host to a server and
// a data directory. The plan is pure and the adapters know no plan; here, and only
// here, the two meet, for worker and starter alike.
//
// Secrets are resolved here, from the references in the plan, and nowhere earlier.
package binding
