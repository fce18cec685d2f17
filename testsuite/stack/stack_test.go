package stack_test

import (
	"context"
	"fmt"
	"net/smtp"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zaptest"

	"github.com/terragonlabs/holdfast/testsuite/stack"
)

func TestEverythingServesAndNothingStays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{
		PlanFile: "../../deploy/plans/ai-scientist.yaml", ArchiveCommand: "/bin/true", Log: zaptest.NewLogger(t),
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
	err := smtp.SendMail(s.Mail.Address, nil, "a@example.org", []string{"b@example.org"}, []byte("Subject: hello\r\n\r\nbody\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Mail.Await(t.Context(), func(m stack.Message) bool { return strings.Contains(string(m.Raw), "Subject: hello") })
	if err != nil || got.From != "a@example.org" || len(got.To) != 1 || got.To[0] != "b@example.org" {
		t.Errorf("kept %+v, %v", got, err)
	}
}

func checkChecksums(t *testing.T, s *stack.Stack) {
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
