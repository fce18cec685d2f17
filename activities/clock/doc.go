// Package clock compares clocks: an activity tells what time it is on a host, so
// that a run can hold the host's clock against its own, and a worker holds its own
// against the server's at every activity (Interceptor).
package clock
