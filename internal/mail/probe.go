package mail

import (
	"context"
	netmail "net/mail"

	gomail "github.com/wneessen/go-mail"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Probe connects, greets (EHLO), negotiates TLS, logs in and names the sender as
// Send would, then takes the transaction back: nothing is sent. It may run any
// number of times.
//
// No answer is Unavailable; Forbidden, IdentityMismatch and CheckFailed say what
// the server refuses, pretends to be, or lacks.
func (s Server) Probe(ctx context.Context) error {
	from, err := netmail.ParseAddress(s.From)
	if err != nil {
		return failure.Invalid("from", "%.120q is not a mail address", s.From)
	}
	options, err := s.options()
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "configure SMTP")
	}
	conversation, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.classed(err, "greet")
	}
	defer conversation.Close() //nolint:errcheck // after QUIT there is nothing to lose
	// A server that wants a login, or knows its senders, says so here and not before.
	if err := conversation.Mail(from.Address); err != nil {
		return s.classed(err, "name "+from.Address+" as sender to")
	}
	if err := conversation.Reset(); err != nil {
		return s.classed(err, "take the sender back from")
	}
	return s.classed(conversation.Quit(), "leave")
}
