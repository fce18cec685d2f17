package mail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"os"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// Server is how to reach an SMTP server.
type Server struct {
	Host     string
	Port     int
	TLS      TLSMode
	Username string // empty: no authentication
	Password config.Secret
	From     string
	CAFile   string        // PEM roots trusted besides the system's; empty: the system's only
	Timeout  time.Duration // for the whole delivery to one recipient; 0 means 20 s
}

// TLSMode says how the connection is protected.
type TLSMode string

// The three ways to reach an SMTP server.
const (
	TLSNone     TLSMode = "none"     // loopback and private relays only
	TLSStartTLS TLSMode = "starttls" // required, never opportunistic
	TLSImplicit TLSMode = "tls"      // RFC 8314, port 465
)

// Message is one text to one or more people.
type Message struct {
	Key     string // idempotency key: the same key gives the same Message-ID
	To      []string
	Subject string
	Text    string
}

// Delivery is what became of the message for one recipient.
type Delivery struct {
	Recipient string    `json:"recipient"`
	Accepted  bool      `json:"accepted"` // the SMTP server took responsibility for it
	At        time.Time `json:"at"`
	Error     string    `json:"error,omitempty"`
}

// Send delivers m to every recipient in its own SMTP transaction. The error is
// Unavailable when nobody's mail was accepted, and nil when at least one was:
// callers read the deliveries.
func (s Server) Send(ctx context.Context, m Message) ([]Delivery, error) {
	if len(m.To) == 0 {
		return nil, failure.Invalid("to", "no recipient")
	}
	deliveries := make([]Delivery, 0, len(m.To))
	accepted := 0
	for _, recipient := range m.To {
		delivery := Delivery{Recipient: recipient, Accepted: true}
		if err := s.sendTo(ctx, m, recipient); err != nil {
			delivery.Accepted, delivery.Error = false, err.Error()
		} else {
			accepted++
		}
		delivery.At = time.Now().UTC()
		deliveries = append(deliveries, delivery)
	}
	if accepted == 0 {
		return deliveries, failure.New(failure.Unavailable, "no mail was accepted by %s:%d for any of %d recipients: %s",
			s.Host, s.Port, len(m.To), deliveries[0].Error)
	}
	return deliveries, nil
}

func (s Server) sendTo(ctx context.Context, m Message, recipient string) error {
	message, err := s.compose(m, recipient)
	if err != nil {
		return err
	}
	options, err := s.options()
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "configure SMTP")
	}
	return failure.Wrap(failure.Unavailable, client.DialAndSendWithContext(ctx, message), "send mail")
}

func (s Server) compose(m Message, recipient string) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8))
	if err := message.From(s.From); err != nil {
		return nil, failure.Invalid("from", "%.120q is not a mail address", s.From)
	}
	if err := message.To(recipient); err != nil {
		return nil, failure.Invalid("to", "%.120q is not a mail address", recipient)
	}
	digest := sha256.Sum256([]byte(m.Key + "\x00" + recipient))
	message.SetMessageIDWithValue(hex.EncodeToString(digest[:16]) + "@holdfast")
	message.SetDate()
	message.Subject(strings.NewReplacer("\r", " ", "\n", " ").Replace(m.Subject))
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

func (s Server) options() ([]gomail.Option, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(timeout)}
	switch s.TLS {
	case TLSNone:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case TLSImplicit:
		options = append(options, gomail.WithSSL())
	case TLSStartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default: // an empty mode must not mean "unprotected"
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.Username), gomail.WithPassword(s.Password.Reveal()))
	}
	if s.CAFile != "" {
		roots, err := s.roots()
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithTLSConfig(&tls.Config{RootCAs: roots, ServerName: s.Host, MinVersion: tls.VersionTLS12}))
	}
	return options, nil
}

func (s Server) roots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "load the system's root certificates")
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, failure.Wrap(failure.NotFound, err, "read root certificates for SMTP")
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, failure.Invalid("smtp.ca_file", "%s holds no PEM certificate", s.CAFile)
	}
	return roots, nil
}
