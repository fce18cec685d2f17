package postgres

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/observe"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// TestBaselineIsOfBeforeTheDisruption: the recovered database remembers what was
// committed; what came after the disruption does not count, nor does what came more
// than ten minutes before, nor a server's own life since the recovery.
func TestBaselineIsOfBeforeTheDisruption(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	disrupted := time.Now().Add(-time.Hour)
	count := func(at time.Time) observe.Throughput { return counted(t.Context(), server.Super(), at) }
	if none := count(disrupted); none != (observe.Throughput{}) {
		t.Errorf("before there is a table: %+v", none)
	}
	if err := heartbeat.Enroll(t.Context(), server.Connect(t), heartbeat.EnrollOptions{Writer: "postgres"}); err != nil {
		t.Fatal(err)
	}
	if none := count(disrupted); none != (observe.Throughput{}) {
		t.Errorf("of an empty table: %+v", none)
	}
	// 7 a second until 11 minutes before, 20 until the disruption, 2 during the incident.
	conn := server.Connect(t)
	if _, err := conn.Exec(t.Context(), `INSERT INTO holdfast.throughput
		SELECT $1::timestamptz + make_interval(secs => s), $1::timestamptz - interval '1 day',
			1000000 + CASE WHEN s < -660 THEN 7 * (s + 660) WHEN s < 0 THEN 20 * (s + 660) ELSE 13200 + 2 * s END
		FROM generate_series(-1200, 600, 5) AS s`, disrupted); err != nil {
		t.Fatal(err)
	}
	if err := heartbeat.TakeSample(t.Context(), conn); err != nil { // of the recovered server
		t.Fatal(err)
	}
	if got := count(disrupted); got.TPS != 20 || got.Over != countedOver {
		t.Errorf("counted %+v, want 20/s over %s", got, countedOver)
	}
	if got := count(time.Time{}); got != (observe.Throughput{}) {
		t.Errorf("nobody said when: %+v", got)
	}
}
