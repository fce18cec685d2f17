//go:build chaos

package chaos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/chaos/clock"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestClocksStepped: the database's host is an hour ahead when the damage happens,
// and an hour behind from the cut-over on: server, worker and WAL daemon. The run
// says which step could not go on and why, and goes on once the clock is right. What
// was archived under either is whole.
func TestClocksStepped(t *testing.T) {
	b := shared(t)
	b.stepHost(t, time.Hour)
	defer b.stepHost(t, 0)
	must(t, b.write(5))
	must(t, b.switchWAL())
	run := b.damaged(t, scenario.Delete)
	offset, why := clockAhead, map[string]string{}
	people := &steadfast{bed: b, t: t}
	people.whole = func() { // people put the clock right
		why[offset] = people.failed[len(people.failed)-1]
		b.stepHost(t, 0)
	}
	people.gate = func(question runbook.OpenQuestion) {
		if strings.HasPrefix(question.Key, "gate:cut-over") && offset == clockAhead {
			offset = clockBehind
			b.stepHost(t, -time.Hour)
		}
	}
	b.follow(t, people)
	b.stepHost(t, 0)
	result, found := run.require(t, b)
	b.requireRepaired(t)
	for _, name := range []string{clockAhead, clockBehind} {
		if !strings.Contains(why[name], "clock") {
			t.Errorf("%s: put to people: %q; want the clock to be named", name, why[name])
		}
		told(t, name, "put to people: "+why[name]+"; with the clock put right it "+brief(result, people), "0 rows acknowledged before the damage are gone; the report: "+b.saysOfClock(t, found))
	}
}

// stepHost steps the clock of what runs on the database's host: the server with
// all its processes, the worker and the WAL daemon.
func (b *bed) stepHost(t *testing.T, offset time.Duration) {
	t.Helper()
	tree, err := b.postgresTree()
	must(t, err)
	for _, pid := range append(tree, b.WAL.PID(), b.Workers[b.Primary.Host].PID()) {
		if err := clock.Step(pid, offset); err != nil {
			t.Logf("process %d has ended: %v", pid, err)
		}
	}
}

// saysOfClock is what the report says of the host's clock: something.
func (b *bed) saysOfClock(t *testing.T, found scenario.Report) string {
	t.Helper()
	for line := range strings.Lines(string(found.Markdown)) {
		if strings.Contains(line, "clock") && strings.Contains(line, b.Primary.Host) {
			return strings.TrimSpace(line)
		}
	}
	t.Errorf("the report says nothing of the clock of %s", b.Primary.Host)
	return ""
}
