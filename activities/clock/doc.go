// Package clock compares clocks: an activity tells what time it is on a host, so
// that a run can hold the host's clock against its own, and a worker holds its own
// against the server's at every activity (Interceptor). The host says besides which lease
// token it obeyed last: it is asked before the run takes its lease, and once.
package clock
