package stack_test

import (
	"context"
	"fmt"
	"net/smtp"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"github.com/terragonlabs/holdfast/testsuite/stack"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
	"github.com/terragonlabs/holdfast/testsuite/stack/traffic"
)

func TestEverythingServesAndNothingStays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{
		PlanFile: "../../deploy/plans/ai-scientist.yaml", Log: zaptest.NewLogger(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			t.Log(s.CloseKeepingLogs())
		}
	}()
	t.Run("the pool leads to primary and replica", func(t *testing.T) { checkPool(t, s) })
	t.Run("mail is kept", func(t *testing.T) { checkMail(t, s) })
	t.Run("page checksums are on", func(t *testing.T) { checkChecksums(t, s) })
	t.Run("the data set is loaded, and traffic judged", func(t *testing.T) { checkData(t, s) })
	t.Run("a worker registers its search attributes and is ready", func(t *testing.T) { checkWorker(t, s) })
	t.Run("WAL flows to the stores", func(t *testing.T) { checkWAL(t, s) })
	pids := []int{s.Temporal.PID(), s.Primary.PID(), s.Replica.PID(), s.Pooler.PID(), s.S3.PID(), s.GCS.PID()}
	closed = true
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.Dir, err)
	}
}

func checkPool(t *testing.T, s *stack.Stack) {
	t.Helper()
	role := s.Database().Roles[0].Name
	for entry, standby := range map[string]bool{s.Pooler.Writer: false, s.Pooler.Reader: true} {
		conn, err := pgx.Connect(t.Context(), s.Pooler.URL(entry, role, s.Passwords[role]))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context()) //nolint:errcheck // read only
		var got bool
		if err := conn.QueryRow(t.Context(), "SELECT pg_is_in_recovery()").Scan(&got); err != nil || got != standby {
			t.Errorf("entry %s: in recovery %v, %v; want %v", entry, got, err, standby)
		}
	}
}

func checkMail(t *testing.T, s *stack.Stack) {
	t.Helper()
	err := smtp.SendMail(s.Mail.Address, nil, "a@example.org", []string{"b@example.org"}, []byte("Subject: hello\r\n\r\nbody\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Mail.Await(t.Context(), func(m stack.Message) bool { return strings.Contains(string(m.Raw), "Subject: hello") })
	if err != nil || got.From != "a@example.org" || len(got.To) != 1 || got.To[0] != "b@example.org" {
		t.Errorf("kept %+v, %v", got, err)
	}
}

func checkData(t *testing.T, s *stack.Stack) {
	t.Helper()
	role, db := s.Database().Roles[0].Name, s.Database().DBName
	connect := func(ctx context.Context) (*pgx.Conn, error) { return s.Primary.Connect(ctx, db) }
	start := time.Now()
	if err := dataset.Load(t.Context(), connect, role, dataset.Small(), 1); err != nil {
		t.Fatal(err)
	}
	conn, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // read only
	var size int64
	if err := conn.QueryRow(t.Context(), "SELECT pg_database_size(current_database())").Scan(&size); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB in %s", size>>20, time.Since(start))
	for _, check := range dataset.Checks(role, dataset.Small()) {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT ("+check.SQL+")::text").Scan(&got); err != nil {
			t.Errorf("%s: %v", check.Name, err)
		} else if met, err := check.Expect.Met(got); err != nil || !met {
			t.Errorf("%s is %s, want %s %s (%v)", check.Name, got, check.Expect.Op, check.Expect.Value, err)
		}
	}
	for _, invariant := range dataset.Invariants() {
		var holds bool
		if err := conn.QueryRow(t.Context(), invariant.SQL).Scan(&holds); err != nil || !holds {
			t.Errorf("%s: %v, %v", invariant.Name, holds, err)
		}
	}
	checkTraffic(t, s, conn)
}

func checkTraffic(t *testing.T, s *stack.Stack, conn *pgx.Conn) {
	t.Helper()
	role := s.Database().Roles[0].Name
	writer := traffic.Start("test", s.Pooler.URL(s.Pooler.Writer, role, s.Passwords[role]), 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := writer.AwaitMore(ctx, 10); err != nil {
		t.Fatal(err)
	}
	writer.Stop()
	if loss, err := writer.Judge(t.Context(), conn); err != nil || loss.Missing != 0 || loss.Acknowledged < 10 {
		t.Errorf("before any loss: %+v, %v", loss, err)
	}
	if _, err := conn.Exec(t.Context(), "DELETE FROM journal WHERE sequence > 5"); err != nil {
		t.Fatal(err)
	}
	if loss, err := writer.Judge(t.Context(), conn); err != nil || loss.Missing != loss.Acknowledged-5 || loss.Span() <= 0 {
		t.Errorf("after a loss: %+v, %v", loss, err)
	}
}

func checkWAL(t *testing.T, s *stack.Stack) {
	t.Helper()
	if _, err := s.WALDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := s.Primary.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // read only
	var segment string
	if err := conn.QueryRow(t.Context(), "SELECT pg_walfile_name(pg_switch_wal())").Scan(&segment); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last := ""; last < segment; {
		if err := conn.QueryRow(ctx, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver").Scan(&last); err != nil {
			t.Fatalf("%s was not archived, the last is %q: %v", segment, last, err)
		}
		<-tick.C
	}
}

func checkWorker(t *testing.T, s *stack.Stack) {
	t.Helper()
	for range 2 { // the second finds the attributes registered
		worker, err := s.Worker(t.Context(), "test", nil, "--queues", "elsewhere", "--stop-timeout", "1s")
		if err != nil {
			t.Fatal(err)
		}
		worker.Stop()
		<-worker.Exited()
	}
	out, err := exec.CommandContext(t.Context(), s.Temporal.CLI, "operator", "search-attribute", "list", "--address", s.Temporal.Address).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "HoldfastIncident") {
		t.Errorf("search attributes: %v\n%s", err, out)
	}
}

func checkChecksums(t *testing.T, s *stack.Stack) {
	t.Helper()
	conn, err := s.Primary.Connect(t.Context(), s.Database().DBName)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // read only
	var on string
	if err := conn.QueryRow(t.Context(), "SHOW data_checksums").Scan(&on); err != nil || on != "on" {
		t.Errorf("data_checksums = %q, %v", on, err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT bt_index_check(indexrelid) FROM pg_index LIMIT 1"); err != nil {
		t.Errorf("amcheck: %v", err)
	}
}
