package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// lastTransient is the highest SMTP reply code that asks to try again later
// (RFC 5321, section 4.2.1: 4yz is transient, 5yz permanent).
const lastTransient = 499

// classed gives what a conversation with the server ended in a class and a hint.
// No answer is Unavailable. A reply that says no is Forbidden, a certificate that
// is not trusted IdentityMismatch, and a server that offers less than the plan
// demands CheckFailed: neither gets better by trying again.
func (s Server) classed(err error, doing string) error {
	var (
		reply       *textproto.Error
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &reply) && reply.Code > lastTransient:
		return s.failed(failure.Forbidden, err, doing).WithHint("compare communication.smtp.username, password and from with what the server's owner gave you")
	case errors.As(err, &certificate):
		return s.failed(failure.IdentityMismatch, err, doing).WithHint("name the authority that signed it: communication.smtp.ca_file")
	case errors.As(err, &notTLS):
		return s.failed(failure.CheckFailed, err, doing).WithHint("communication.smtp.tls: starttls, or another port: this one does not begin with TLS")
	case s.TLS == TLSNone && errors.Is(err, gomail.ErrNoSupportedAuthDiscovered):
		return s.failed(failure.CheckFailed, err, doing).WithHint("communication.smtp.tls: starttls or tls: a password is not sent unprotected")
	case noAnswer(err), reply != nil:
		return s.failed(failure.Unavailable, err, doing).WithHint("nc -vz %s %d; a port without TLS that stays silent may want communication.smtp.tls: tls", s.Host, s.Port)
	}
	// What is left is the library's verdict on what the server offers.
	return s.failed(failure.CheckFailed, err, doing).WithHint("communication.smtp: tls, username and port must be what the server offers")
}

func noAnswer(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (s Server) failed(class failure.Class, err error, doing string) *failure.Error {
	return failure.New(class, "%s the mail server %s:%d: %s", doing, s.Host, s.Port, err)
}
