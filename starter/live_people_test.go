package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/mail/mailtest"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

// TestLiveMail: each way in which a mail server can be wrong has a verdict, and
// none of them is passed.
func TestLiveMail(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	certificate := authority.Server(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		closed := mailtest.Listen(t)
		host, port := mailtest.Address(t, closed)
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		requireMail(t, plan.SMTP{Address: fmt.Sprintf("%s:%d", host, port), TLS: plan.TLSNone}, liveUnknown, "refused")
	})
	for name, test := range map[string]struct {
		server   mailtest.Options
		settings plan.SMTP
		want     liveStatus
		says     string
	}{
		"right":               {mailtest.Options{Certificate: &certificate}, plan.SMTP{TLS: plan.TLSStartTLS, CAFile: authority.File}, livePassed, ""},
		"no STARTTLS":         {mailtest.Options{}, plan.SMTP{TLS: plan.TLSStartTLS}, liveFailed, "STARTTLS"},
		"unknown authority":   {mailtest.Options{Certificate: &certificate}, plan.SMTP{TLS: plan.TLSStartTLS}, liveFailed, "authority"},
		"login refused":       {mailtest.Options{Certificate: &certificate, Accounts: map[string]string{"wrong": "right"}}, plan.SMTP{TLS: plan.TLSStartTLS, CAFile: authority.File, Username: plan.SecretRef("file:" + password), Password: plan.SecretRef("file:" + password)}, liveFailed, "535"},
		"password not there":  {mailtest.Options{}, plan.SMTP{TLS: plan.TLSNone, Password: "file:/nowhere/password"}, liveFailed, "password"},
		"sender not accepted": {mailtest.Options{Senders: []string{"else@freight.example"}}, plan.SMTP{TLS: plan.TLSNone}, liveFailed, "sender"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, test.server)
			test.settings.Address = fmt.Sprintf("%s:%d", server.Host, server.Port)
			requireMail(t, test.settings, test.want, test.says)
			if got := server.Received(); len(got) != 0 {
				t.Errorf("%d mails were sent by a check", len(got))
			}
		})
	}
}

func requireMail(t *testing.T, settings plan.SMTP, want liveStatus, says string) {
	t.Helper()
	p, _, err := plan.Load("../internal/plan/testdata/second.yaml")
	if err != nil {
		t.Fatal(err)
	}
	settings.From = "desk@freight.example"
	p.Communication.SMTP = &settings
	findings := liveMail(t.Context(), p, "")
	if len(findings) != 1 || findings[0].Status != want || !strings.Contains(findings[0].Detail, says) {
		t.Fatalf("got %+v, want %s with %q", findings, want, says)
	}
	verdict := checked{Live: findings}.verdict(nil)
	if want == livePassed {
		if verdict != nil {
			t.Error(verdict)
		}
		return
	}
	if !failure.Is(verdict, failure.CheckFailed) || findings[0].Hint == "" || !strings.Contains(failure.HintOf(verdict), findings[0].Hint) {
		t.Errorf("verdict %v, hint %q", verdict, failure.HintOf(verdict))
	}
}

// TestLiveMailIsSentToTheOneNamed: a test mail reaches the server only when asked for.
func TestLiveMailIsSentToTheOneNamed(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	p, _, err := plan.Load("../internal/plan/testdata/second.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p.Communication.SMTP = &plan.SMTP{Address: fmt.Sprintf("%s:%d", server.Host, server.Port), From: "desk@freight.example", TLS: plan.TLSNone}
	findings := liveMail(t.Context(), p, "officer-a")
	for _, finding := range findings {
		if finding.Status != livePassed {
			t.Errorf("%+v", finding)
		}
	}
	if got := server.Received(); len(findings) != 2 || len(got) != 1 || !strings.Contains(string(got[0]), "Test mail of holdfast") {
		t.Errorf("findings %+v, received %q", findings, got)
	}
}
