package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/mail"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// livePeople prints the fingerprint of each key, so that its owner can compare
// it with ssh-keygen -lf.
func livePeople(p *plan.Plan) []liveFinding {
	var findings []liveFinding
	for _, person := range p.Team.People {
		subject := "person " + person.ID
		if len(person.Keys) == 0 {
			findings = append(findings, liveFinding{Subject: subject, Check: "has a key to sign with", Status: liveNotShown, Detail: "the plan lists none: their messages are refused"})
		}
		for _, line := range person.Keys {
			key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
			if err != nil {
				findings = append(findings, failedBy(subject, "key can be read", failure.Wrap(failure.InvalidInput, err, "read key")))
				continue
			}
			findings = append(findings, passed(subject, "key can be read", fmt.Sprintf("%s %s", ssh.FingerprintSHA256(key), comment)))
		}
	}
	return findings
}

const mailTimeout = 20 * time.Second

// liveMail talks to the mail server as a mail would, up to the recipient. A mail is
// sent only to somebody named.
func liveMail(ctx context.Context, p *plan.Plan, to string) []liveFinding {
	if p.Communication.SMTP == nil {
		return []liveFinding{{Subject: "mail server", Check: "answers", Status: liveNotShown, Detail: "the plan names none: no mail is sent"}}
	}
	subject := "mail server " + p.Communication.SMTP.Address
	server, err := binding.Mail(p)
	if err != nil {
		return []liveFinding{failedBy(subject, "settings", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	findings := []liveFinding{judged(subject, "takes mail from "+server.From+", none sent", server.Probe(ctx))}
	if to != "" {
		findings = append(findings, judged(subject, "takes a mail for "+to, sendTestMail(ctx, p, server, to)))
	}
	return findings
}

func sendTestMail(ctx context.Context, p *plan.Plan, server mail.Server, to string) error {
	addressees, err := p.Addressees(to)
	if err != nil {
		return err
	}
	message := mail.Message{
		Key:     "plan-check/" + time.Now().UTC().Format(time.RFC3339Nano),
		Subject: "Test mail of holdfast for " + p.Document.System,
		Text:    "This is a test of the disaster-recovery plan's mail settings. Nothing has happened, and nothing is to be done.\n",
	}
	for _, one := range addressees {
		if one.Email != "" {
			message.To = append(message.To, one.Email)
		}
	}
	deliveries, err := server.Send(ctx, message)
	if err != nil {
		return err
	}
	for _, one := range deliveries {
		if !one.Accepted {
			return failure.New(failure.Unavailable, "%s was not accepted: %s", one.Recipient, one.Error)
		}
	}
	return nil
}
