package mail_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/mail"
	"github.com/terragonlabs/holdfast/internal/mail/mailtest"
	"github.com/terragonlabs/holdfast/testsuite/tlstest"
)

const sender = "desk@freight.example"

func accounts() map[string]string { return map[string]string{"desk": "right"} }

func TestProbe(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	certificate := authority.Server(t)
	stranger := tlstest.New(t)
	login := func(m *mail.Server, password string) {
		m.Username, m.Password, m.CAFile = "desk", config.NewSecret(password), authority.File
	}
	for name, test := range map[string]struct {
		server mailtest.Options
		client func(*mail.Server)
		class  failure.Class // empty: the probe passes
		says   string
	}{
		"plain":                      {client: func(m *mail.Server) { m.TLS = mail.TLSNone }},
		"STARTTLS and a login":       {mailtest.Options{Certificate: &certificate, Accounts: accounts(), Required: true}, func(m *mail.Server) { login(m, "right") }, "", ""},
		"TLS from the first byte":    {mailtest.Options{Certificate: &certificate, Implicit: true}, func(m *mail.Server) { m.TLS, m.CAFile = mail.TLSImplicit, authority.File }, "", ""},
		"sender with a name":         {mailtest.Options{Senders: []string{sender}}, func(m *mail.Server) { m.TLS, m.From = mail.TLSNone, "Desk <"+sender+">" }, "", ""},
		"no STARTTLS there":          {client: func(*mail.Server) {}, class: failure.CheckFailed, says: "does not support STARTTLS"},
		"no STARTTLS, mode not said": {client: func(m *mail.Server) { m.TLS = "" }, class: failure.CheckFailed, says: "does not support STARTTLS"},
		"login refused":              {mailtest.Options{Certificate: &certificate, Accounts: accounts()}, func(m *mail.Server) { login(m, "wrong") }, failure.Forbidden, "535"},
		"login wanted, none given":   {mailtest.Options{Accounts: accounts(), Required: true}, func(m *mail.Server) { m.TLS = mail.TLSNone }, failure.Forbidden, "502"},
		"password unprotected":       {mailtest.Options{Accounts: accounts()}, func(m *mail.Server) { m.TLS = mail.TLSNone; login(m, "right") }, failure.CheckFailed, "not able to detect a supported"},
		"no login offered":           {client: func(m *mail.Server) { m.TLS = mail.TLSNone; login(m, "right") }, class: failure.CheckFailed, says: "does not support SMTP AUTH"},
		"sender refused":             {mailtest.Options{Senders: []string{"else@freight.example"}}, func(m *mail.Server) { m.TLS = mail.TLSNone }, failure.Forbidden, "sender is not allowed"},
		"certificate of a stranger":  {mailtest.Options{Certificate: &certificate}, func(m *mail.Server) { m.CAFile = stranger.File }, failure.IdentityMismatch, "unknown authority"},
		"TLS where none is spoken":   {client: func(m *mail.Server) { m.TLS = mail.TLSImplicit }, class: failure.CheckFailed, says: "TLS handshake"},
		"no address":                 {client: func(m *mail.Server) { m.From = "desk" }, class: failure.InvalidInput, says: "not a mail address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, test.server)
			client := mail.Server{Host: server.Host, Port: server.Port, TLS: mail.TLSStartTLS, From: sender, Timeout: 10 * time.Second}
			test.client(&client)
			requireVerdict(t, client.Probe(t.Context()), test.class, test.says)
			require.Empty(t, server.Received(), "a probe sends nothing")
		})
	}
}

func TestProbeOfAServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	silent := mailtest.Listen(t) // takes connections and says nothing
	host, port := mailtest.Address(t, silent)
	client := mail.Server{Host: host, Port: port, TLS: mail.TLSNone, From: sender, Timeout: 200 * time.Millisecond}
	requireVerdict(t, client.Probe(t.Context()), failure.Unavailable, "greet")
	require.NoError(t, silent.Close())
	requireVerdict(t, client.Probe(t.Context()), failure.Unavailable, "refused")
}

func requireVerdict(t *testing.T, err error, class failure.Class, says string) {
	t.Helper()
	if class == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, says)
	require.Equal(t, class, failure.ClassOf(err), "%v", err)
	if class != failure.InvalidInput {
		require.NotEmpty(t, failure.HintOf(err))
	}
}
