// Package scenario plays the story that the demo tells and the end-to-end tests
// judge, on a real stack and through the commands a user types:
//
//	back up → write on → damage → start the runbook → people decide → recovered
//
// It knows the truth from outside: what the database acknowledged to the
// application, where in the log the damage was done, and which rows were there
// before. A recovery is judged by that, never by its own report alone.
//
// Names of databases, hosts, roles and people come from the plan.
package scenario
