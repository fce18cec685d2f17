package pgtest

import (
	"testing"
	"time"
)

// Eventually polls until done says so, and fails the test after 30 s.
func Eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(startLimit)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-deadline.C:
			t.Fatalf("waited 30 s in vain for %s", what)
		case <-ticker.C:
		}
	}
}

// Run runs one of PostgreSQL's programs as the servers' user, or fails the test.
func Run(t testing.TB, name string, args ...string) {
	t.Helper()
	run(t, name, args...)
}

// PortText is the server's port as programs want it.
func PortText(s *Server) string { return portArg(s.Port) }
