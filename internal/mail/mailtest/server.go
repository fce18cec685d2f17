package mailtest

import (
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options are a server's habits. The zero value takes everything from everybody,
// unprotected.
type Options struct {
	Certificate *tls.Certificate  // offers STARTTLS with it; nil: offers none
	Implicit    bool              // TLS from the first byte, with Certificate
	Accounts    map[string]string // password by user; none: no AUTH is offered
	Required    bool              // no mail without AUTH: 530
	Senders     []string          // the only ones it takes mail from; none: all
}

// Server is a running SMTP server.
type Server struct {
	Host string
	Port int

	options Options
	mu      sync.Mutex
	kept    [][]byte
}

// Start serves until the test ends.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	listener := Listen(t)
	host, port := Address(t, listener)
	s := &Server{Host: host, Port: port, options: options}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return s.session(), nil }))
	server.Domain, server.AllowInsecureAuth = "localhost", true
	if options.Certificate != nil {
		config := &tls.Config{Certificates: []tls.Certificate{*options.Certificate}, MinVersion: tls.VersionTLS12}
		if options.Implicit {
			listener = tls.NewListener(listener, config)
		} else {
			server.TLSConfig = config
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		_ = listener.Close() // Close above knows it only once Serve has begun
		<-done
	})
	return s
}

// Listen opens a port of loopback on which, until somebody accepts, connections
// are taken and nothing is said. It is closed with the test.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the server may have closed it
	return listener
}

// Address is where a listener listens.
func Address(t testing.TB, listener net.Listener) (host string, port int) {
	t.Helper()
	host, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		t.Fatal(err)
	}
	return host, port
}

// Received are the mails taken so far, headers and body.
func (s *Server) Received() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.kept...)
}

func (s *Server) session() smtp.Session {
	plain := &session{to: s}
	if len(s.options.Accounts) == 0 {
		return plain
	}
	return &account{session: plain}
}

// session is one conversation.
type session struct {
	to       *Server
	loggedIn bool
}

// Reset implements smtp.Session.
func (*session) Reset() {}

// Logout implements smtp.Session.
func (*session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.to.options.Required && !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	if len(s.to.options.Senders) == 0 {
		return nil
	}
	for _, one := range s.to.options.Senders {
		if one == from {
			return nil
		}
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "sender is not allowed here"}
}

// Rcpt implements smtp.Session.
func (*session) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	s.to.kept = append(s.to.kept, raw)
	return err
}

// account is a session of a server that offers AUTH PLAIN.
type account struct{ *session }

// AuthMechanisms implements smtp.AuthSession.
func (*account) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (a *account) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		want, known := a.to.options.Accounts[user]
		if !known || want != password {
			return smtp.ErrAuthFailed
		}
		a.loggedIn = true
		return nil
	}), nil
}
