package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const maxMailBytes = 32 << 20

// Message is one mail as it was received.
type Message struct {
	From string
	To   []string
	Raw  []byte // headers and body
	At   time.Time
}

// Mail is a running SMTP server that keeps every mail in memory.
type Mail struct {
	Address string // host:port

	server   *smtp.Server
	listener net.Listener
	mu       sync.Mutex
	kept     []Message
	came     chan struct{} // closed and replaced at each mail
}

func startMail(ctx context.Context) (*Mail, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "listen for mail")
	}
	m := &Mail{Address: listener.Addr().String(), came: make(chan struct{}), listener: listener}
	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{to: m}, nil }))
	m.server.Domain, m.server.MaxMessageBytes = "localhost", maxMailBytes
	m.server.ReadTimeout, m.server.WriteTimeout = time.Minute, time.Minute
	go func() { _ = m.server.Serve(listener) }() // ends with close; a lost mail is missed by who waits for it
	return m, nil
}

// Messages returns what has been received so far, in order.
func (m *Mail) Messages() []Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.kept)
}

// Await returns the first mail that match accepts, waiting for it until ctx ends.
func (m *Mail) Await(ctx context.Context, match func(Message) bool) (Message, error) {
	for {
		m.mu.Lock()
		came, found := m.came, slices.IndexFunc(m.kept, match)
		if found >= 0 {
			defer m.mu.Unlock()
			return m.kept[found], nil
		}
		count := len(m.kept)
		m.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
			return Message{}, failure.New(failure.NotFound, "none of the %d mails received is the one waited for", count)
		}
	}
}

func (m *Mail) keep(message Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, message)
	close(m.came)
	m.came = make(chan struct{})
}

// close ends the server, also one that has not begun to serve: it does not know its
// listener yet and would wait at it for good.
func (m *Mail) close() error {
	err := m.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		err = nil
	}
	if closed := m.listener.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return failure.Wrap(failure.Unavailable, err, "close the SMTP server")
}

// session is one SMTP conversation.
type session struct {
	to      *Mail
	message Message
}

// Reset forgets the mail under way.
func (s *session) Reset() { s.message = Message{} }

// Logout has nothing to free.
func (*session) Logout() error { return nil }

// Mail takes the return path.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.message = Message{From: from}
	return nil
}

// Rcpt takes one recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.message.To = append(s.message.To, to)
	return nil
}

// Data takes the content and keeps the mail.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r) // the server bounds it by MaxMessageBytes
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "receive mail")
	}
	s.message.Raw, s.message.At = raw, time.Now().UTC()
	s.to.keep(s.message)
	return nil
}
