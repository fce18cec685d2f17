package walship_test

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// TestDaemonNotesTheThroughput, and goes on with heartbeats where it cannot: a
// database that was enrolled before there was such a table has none.
func TestDaemonNotesTheThroughput(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.serve(t, h.config)
	h.until(t, "two samples of one server, the later with more commits", func() bool {
		return pgtest.Query[bool](t, h.server, `SELECT count(*) >= 2 AND count(DISTINCT started) = 1 AND max(committed) > min(committed)
			AND bool_and(started = pg_postmaster_start_time()) FROM holdfast.throughput`)
	})
	h.server.Exec(t, "DROP TABLE holdfast.throughput")
	newest := newestRow(t, h.server).seq
	h.until(t, "heartbeats go on for longer than it takes to the next sample", func() bool { return newestRow(t, h.server).seq > newest+6 })
	status, err := h.status(h.config)
	if err != nil || len(status.Alarms) != 0 {
		t.Errorf("alarms %v, %v", status.Alarms, err)
	}
}
