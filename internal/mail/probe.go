package mail

import (
	"context"

	gomail "github.com/wneessen/go-mail"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Probe connects, greets (EHLO), negotiates TLS and logs in as Send would, and
// leaves without sending anything. It may run any number of times.
func (s Server) Probe(ctx context.Context) error {
	options, err := s.options()
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "configure SMTP")
	}
	if err := client.DialWithContext(ctx); err != nil {
		return failure.Wrap(failure.Unavailable, err, "greet the mail server %s:%d", s.Host, s.Port)
	}
	return failure.Wrap(failure.Unavailable, client.Close(), "leave the mail server %s:%d", s.Host, s.Port)
}
