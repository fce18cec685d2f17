// Package clock holds the activity that tells what time it is on a host, so that a
// run can compare the host's clock with its own.
package clock
