package inspect_test

import (
	"net"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
)

func TestInspectLiveServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "CREATE ROLE plain LOGIN")
	report := inspect.Inspect(t.Context(), server.Super())
	if !report.Complete() {
		t.Fatalf("unanswered: %+v %s", report.UnknownFields, report.Reason)
	}
	identity, err := server.Cluster(t).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.SystemID != identity.SystemID || report.Timeline != 1 || report.LSN == 0 || !report.Checksums ||
		report.SizeBytes == 0 || report.FreeBytes == 0 || report.InRecovery || report.ClockOffset.Abs() > time.Second {
		t.Errorf("report = %+v", report)
	}
	if value, known := report.Setting("full_page_writes"); !known || value != "on" {
		t.Errorf("full_page_writes = %q, %v", value, known)
	}
	if failures, known := report.ChecksumFailures(); failures != 0 || !known {
		t.Errorf("checksum failures = %d, %v", failures, known)
	}
	partly := inspect.Inspect(t.Context(), server.Super().As("plain", server.Super().Password).In("postgres"))
	if partly.Complete() || len(partly.UnknownFields) == 0 {
		t.Errorf("a role that may not ask everything got a complete report: %+v", partly)
	}
}

func TestServerThatDoesNotAnswerIsNeverFine(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	address, ok := silent.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", silent.Addr())
	}
	silentPort := address.Port
	server := pgtest.Start(t)
	tests := map[string]struct {
		server pg.Server
		want   inspect.Reach
	}{
		"nobody listens": {pg.Server{Host: "127.0.0.1", Port: pgtest.Port(t), User: "u"}, inspect.Unreachable},
		"accepts and says nothing": {pg.Server{
			Host: "127.0.0.1", Port: silentPort, User: "u",
			Timeout: 300 * time.Millisecond,
		}, inspect.Unreachable},
		"wrong password":   {server.TCP("postgres", "wrong"), inspect.Refused},
		"unknown database": {server.Super().In("nowhere"), inspect.Refused},
		"not a server":     {pg.Server{}, inspect.Refused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := inspect.Inspect(t.Context(), tt.server)
			if report.Reach != tt.want || report.Reason == "" || report.Complete() {
				t.Errorf("Inspect = %+v, want %s with a reason", report.Probed, tt.want)
			}
		})
	}
}
