package notify_test

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/notify"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// sink is an SMTP server on loopback that refuses some recipients.
type sink struct {
	address string
	mu      sync.Mutex
	got     []letter
}

type letter struct {
	to   []string
	text string
}

type session struct {
	*sink
	letter
}

func listen(t *testing.T) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the server
	require.NoError(t, err)
	s := &sink{address: listener.Addr().String()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: s}, nil }))
	server.Domain = "localhost"
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		_ = listener.Close() // a server that has not begun to serve does not know it yet
		<-done
	})
	return s
}

func (s *session) Reset()                             { s.letter = letter{} }
func (*session) Logout() error                        { return nil }
func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "gone") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, letter{s.to, string(raw)})
	return err
}

func (s *sink) letters() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]letter(nil), s.got...)
}

func mailing(t *testing.T, address string) (*notify.Activities, plan.Hash) {
	t.Helper()
	p, _, err := plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	p.Communication.SMTP = nil
	if address != "" {
		p.Communication.SMTP = &plan.SMTP{Address: address, From: "desk@freight.example", TLS: plan.TLSNone}
	}
	return notify.New(p), p.Hash()
}

func alert() notify.Alert {
	return notify.Alert{
		Title: "FREIGHT DESK ALERT", Severity: "P1", Status: "Open", Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)),
		AffectedServices: []string{"Booking desk", "Invoicing"}, Impact: "No bookings.", Commander: "Duty Officer A <a@freight.example>",
	}
}

func to(ids ...string) (all []plan.Addressee) {
	for _, id := range ids {
		all = append(all, plan.Addressee{ID: id, Name: id, Email: id + "@freight.example"})
	}
	return all
}

// TestOneRefusedDoesNotSilenceTheOthers is L26: each recipient's delivery is
// tried and recorded apart.
func TestOneRefusedDoesNotSilenceTheOthers(t *testing.T) {
	t.Parallel()
	s := listen(t)
	activities, hash := mailing(t, s.address)
	in := notify.MailInput{PlanHash: hash, Key: "run/1", To: append(to("a", "gone", "b"), plan.Addressee{ID: "phone-only"}), Alert: alert()}
	result, err := activities.Mail(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, []string{"phone-only"}, result.NoAddress)
	var accepted []string
	for _, delivery := range result.Deliveries {
		if delivery.Accepted {
			accepted = append(accepted, delivery.Recipient)
			continue
		}
		require.Equal(t, "gone@freight.example", delivery.Recipient)
		require.Contains(t, delivery.Error, "no such user")
	}
	require.Equal(t, []string{"a@freight.example", "b@freight.example"}, accepted)
	got := s.letters()
	require.Len(t, got, 2)
	require.Equal(t, []string{"a@freight.example"}, got[0].to, "one transaction each")
	require.Contains(t, got[0].text, "Subject: [P1] FREIGHT DESK ALERT: Open")

	_, err = activities.Mail(t.Context(), in) // twice
	require.NoError(t, err)
	again := s.letters()
	require.Equal(t, messageID(t, got[0].text), messageID(t, again[2].text), "a recipient sees one mail")
	require.NotEqual(t, messageID(t, got[0].text), messageID(t, got[1].text))
}

func messageID(t *testing.T, text string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "Message-ID: ")
	require.True(t, found, text)
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}

func TestMailRefused(t *testing.T) {
	t.Parallel()
	s := listen(t)
	working, hash := mailing(t, s.address)
	none, _ := mailing(t, "")
	malformed, _ := mailing(t, "mail.freight.example")
	for name, row := range map[string]struct {
		on    *notify.Activities
		in    notify.MailInput
		class failure.Class
	}{
		"nobody accepted": {working, notify.MailInput{PlanHash: hash, To: to("gone", "gone2"), Alert: alert()}, failure.Unavailable},
		"nobody to write": {working, notify.MailInput{PlanHash: hash, To: []plan.Addressee{{ID: "phone-only"}}, Alert: alert()}, failure.InvalidInput},
		"no recipient":    {working, notify.MailInput{PlanHash: hash, Alert: alert()}, failure.InvalidInput},
		"another plan":    {working, notify.MailInput{To: to("a"), Alert: alert()}, failure.IdentityMismatch},
		"no server":       {none, notify.MailInput{PlanHash: hash, To: to("a"), Alert: alert()}, failure.InvalidInput},
		"no port":         {malformed, notify.MailInput{PlanHash: hash, To: to("a"), Alert: alert()}, failure.InvalidInput},
		"hostile address": {working, notify.MailInput{PlanHash: hash, To: []plan.Addressee{{ID: "x", Email: "a@b\r\nRCPT TO:<c@d>"}}, Alert: alert()}, failure.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := row.on.Mail(t.Context(), row.in)
			require.Equal(t, row.class, failure.ClassOf(boundary.In(err)), "%v", err)
		})
	}
}

// TestAlertText is the plan's template, filled in.
func TestAlertText(t *testing.T) {
	t.Parallel()
	a := alert()
	require.Equal(t, `FREIGHT DESK ALERT

Severity: P1
Status: Open
Start Time: 2026-03-01 11:00 UTC
Affected Services: Booking desk, Invoicing

Current Impact:
No bookings.

Actions Taken:
none yet

Next Update: none planned
Incident Commander: Duty Officer A <a@freight.example>
`, a.Text())
	a.Actions, a.NextUpdate = []string{"fenced", "restored"}, a.Started.Add(time.Hour)
	require.Contains(t, a.Text(), "Actions Taken:\n- fenced\n- restored\n\nNext Update: 2026-03-01 12:00 UTC\n")
}
