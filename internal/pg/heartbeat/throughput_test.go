package heartbeat_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

// TestSamplesAreKeptForADay, written as the role that writes heartbeats, and read
// back from before a moment. A database enrolled before there was such a table says so.
func TestSamplesAreKeptForADay(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE beat LOGIN")
	conn := server.Connect(t)
	if err := heartbeat.TakeSample(t.Context(), conn); !failure.Is(err, failure.NotFound) {
		t.Errorf("TakeSample before Enroll = %v, want NotFound", err)
	}
	if _, err := heartbeat.Samples(t.Context(), conn, time.Now(), time.Minute); !failure.Is(err, failure.NotFound) {
		t.Errorf("Samples before Enroll = %v, want NotFound", err)
	}
	if err := heartbeat.Enroll(t.Context(), conn, heartbeat.EnrollOptions{Writer: "beat"}); err != nil {
		t.Fatal(err)
	}
	if none, err := heartbeat.Samples(t.Context(), conn, time.Now(), time.Minute); err != nil || len(none) != 0 {
		t.Errorf("Samples of none = %v, %v", none, err)
	}
	server.Exec(t, `INSERT INTO holdfast.throughput SELECT now() - make_interval(hours => h), now() - interval '2 days', 100 - h
		FROM generate_series(1, 30) AS h`)
	writer := server.ConnectTo(t, server.Super().As("beat", server.Super().Password).In("postgres"))
	for range 2 {
		if err := heartbeat.TakeSample(t.Context(), writer); err != nil {
			t.Fatal(err)
		}
	}
	all, err := heartbeat.Samples(t.Context(), conn, time.Now().Add(time.Hour), 48*time.Hour)
	if err != nil || len(all) != 2+23 { // now() of the insertion is earlier: 24 hours ago is older than a day
		t.Fatalf("%d samples, %v, want two new ones and those of 23 hours", len(all), err)
	}
	newest := all[len(all)-1]
	if !newest.Started.Before(newest.At) || newest.Committed <= 0 || newest.At.Before(all[0].At) {
		t.Errorf("newest sample %+v, oldest %+v", newest, all[0])
	}
	// The newest before a moment counts, and what is within the time before it.
	before, err := heartbeat.Samples(t.Context(), conn, time.Now().Add(-150*time.Minute), 2*time.Hour)
	if err != nil || len(before) != 3 || before[0].Committed != 95 || before[2].Committed != 97 {
		t.Errorf("samples before a moment: %+v, %v", before, err)
	}
}
