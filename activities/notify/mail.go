package notify

import (
	"context"
	"net"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/mail"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Prefix begins the names of this package's activities.
const Prefix = "notify."

// Activities notify by the means of the plan they were made with.
type Activities struct {
	plan *plan.Plan
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities for plan p.
func New(p *plan.Plan) *Activities { return &Activities{plan: p} }

// MailInput is an alert for named people and contacts of the plan.
type MailInput struct {
	PlanHash plan.Hash        `json:"plan_hash"`
	Key      string           `json:"key"` // idempotency key: run and step
	To       []plan.Addressee `json:"to"`
	Alert    Alert            `json:"alert"`
}

// MailResult says what became of the mail for each recipient.
type MailResult struct {
	Deliveries []mail.Delivery `json:"deliveries"`
	NoAddress  []string        `json:"no_address,omitempty"` // addressees without a mail address
}

// Mail sends an alert by SMTP. Run twice it sends twice, under the same
// Message-IDs, so that a recipient sees one mail. It fails when nobody's mail was
// accepted or nobody could have been written to.
func (a *Activities) Mail(ctx context.Context, in MailInput) (MailResult, error) {
	server, err := a.server(in.PlanHash)
	if err != nil {
		return MailResult{}, boundary.Out(err)
	}
	var result MailResult
	message := mail.Message{Key: in.Key, Subject: in.Alert.Subject(), Text: in.Alert.Text()}
	for _, addressee := range in.To {
		if addressee.Email == "" {
			result.NoAddress = append(result.NoAddress, addressee.ID)
			continue
		}
		message.To = append(message.To, addressee.Email)
	}
	if len(message.To) == 0 {
		return result, boundary.Out(failure.Invalid("to", "none of %d addressees has a mail address", len(in.To)).
			WithHint("give the people and contacts that runbooks[].notify names an email in the plan"))
	}
	result.Deliveries, err = server.Send(ctx, message)
	return result, boundary.Out(err)
}

func (a *Activities) server(want plan.Hash) (mail.Server, error) {
	if err := a.plan.MustBe(want); err != nil {
		return mail.Server{}, err
	}
	settings := a.plan.Communication.SMTP
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
		return mail.Server{}, err
	}
	password, err := config.Resolve(string(settings.Password))
	if err != nil {
		return mail.Server{}, err
	}
	return mail.Server{
		Host: host, Port: port, TLS: mail.TLSMode(settings.TLS), Username: username.Reveal(),
		Password: password, From: settings.From, CAFile: settings.CAFile,
	}, nil
}
