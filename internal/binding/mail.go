package binding

import (
	"net"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/mail"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Mail returns how to reach the plan's mail server. A plan without one is
// failure.InvalidInput.
func Mail(p *plan.Plan) (mail.Server, error) {
	settings := p.Communication.SMTP
	if settings == nil {
		return mail.Server{}, failure.Invalid("communication.smtp", "the plan names no mail server").
			WithHint("add communication.smtp to the plan: starter plan check explains its keys")
	}
	host, portText, err := net.SplitHostPort(settings.Address)
	if err != nil {
		return mail.Server{}, failure.Invalid("communication.smtp.address", "%.80q is not host:port", settings.Address)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return mail.Server{}, failure.Invalid("communication.smtp.address", "%.80q has no numeric port", settings.Address)
	}
	username, err := config.Resolve(string(settings.Username))
	if err != nil {
		return mail.Server{}, failure.Wrap(failure.ClassOf(err), err, "resolve the user name of the mail server")
	}
	password, err := config.Resolve(string(settings.Password))
	if err != nil {
		return mail.Server{}, failure.Wrap(failure.ClassOf(err), err, "resolve the password of the mail server")
	}
	return mail.Server{
		Host: host, Port: port, TLS: mail.TLSMode(settings.TLS), Username: username.Reveal(),
		Password: password, From: settings.From, CAFile: settings.CAFile,
	}, nil
}
