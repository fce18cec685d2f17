package heartbeat_test

import (
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func TestEnrollTwiceAndReadBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	conn := server.Connect(t)
	if _, err := heartbeat.Read(t.Context(), conn, 5); !failure.Is(err, failure.NotFound) {
		t.Errorf("Read before Enroll = %v, want NotFound", err)
	}
	opts := heartbeat.EnrollOptions{Writer: "beat", Readers: []string{"odd \"name"}}
	if err := heartbeat.Enroll(t.Context(), conn, opts); !failure.Is(err, failure.NotFound) {
		t.Errorf("Enroll without its role = %v, want NotFound", err)
	}
	server.Exec(t, "CREATE ROLE beat LOGIN", `CREATE ROLE "odd ""name" LOGIN`)
	for range 2 {
		if err := heartbeat.Enroll(t.Context(), conn, opts); err != nil {
			t.Fatal(err)
		}
	}
	writer := server.ConnectTo(t, server.Super().As("beat", server.Super().Password).In("postgres"))
	for _, seq := range []int{1, 2, 3, 7, 8} {
		_, err := writer.Exec(t.Context(), `INSERT INTO holdfast.heartbeat
			SELECT $1::int, timestamptz '2026-01-01 00:00:00Z' + $1::int * interval '1 s', '0/100'::pg_lsn, '7123456789012345678', 1, 'inc'`, seq)
		if err != nil {
			t.Fatal(err)
		}
	}
	beats, err := heartbeat.Read(t.Context(), conn, 100)
	if err != nil || len(beats) != 5 {
		t.Fatalf("Read = %v, %v", beats, err)
	}
	got := heartbeat.Continue(beats)
	if got.Newest.Seq != 8 || got.Oldest.Seq != 1 || len(got.Gaps) != 1 || got.Gaps[0].For != 4*time.Second || got.Newest.SystemID != 7123456789012345678 {
		t.Errorf("Continue = %+v", got)
	}
	if none := heartbeat.Continue(nil); none.Newest != nil {
		t.Errorf("Continue(nil) = %+v", none)
	}
}
