// Package activities lists every activity and puts together those that one
// process offers, by what it was given: a plan and stores for all, a host's name
// for those that touch its disks, private keys for the key holder's.
//
// The worker registers them on task queues. Without Temporal, starter undo calls
// the same ones by name.
package activities
