package main

import (
	"context"
	"sync"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// liveStatus is how one look at the real world ended. The zero value is none.
type liveStatus string

const (
	livePassed   liveStatus = "passed"
	liveFailed   liveStatus = "failed"
	liveUnknown  liveStatus = "unknown"   // it could not be looked at; never counted as passed
	liveNotShown liveStatus = "not-shown" // nothing here can show it: the provider has no such feature
)

func (s liveStatus) paint() paint {
	switch s {
	case livePassed:
		return green
	case liveFailed:
		return red
	case liveUnknown, liveNotShown:
		return yellow
	}
	return yellow
}

// liveFinding is one look at one part of what the plan names.
type liveFinding struct {
	Subject string     `json:"subject"` // "store vault", "database bookings on quay-1"
	Check   string     `json:"check"`
	Status  liveStatus `json:"status"`
	Detail  string     `json:"detail,omitempty"`
	Hint    string     `json:"hint,omitempty"` // what to do about it
}

// next is what to do about a finding that is not good.
func (f liveFinding) next() string {
	const again = "starter plan check --live after it is mended"
	if f.Hint == "" {
		return again
	}
	return f.Hint + "; then " + again
}

// passed, failed and the like make a finding about subject.
func passed(subject, check, detail string) liveFinding {
	return liveFinding{Subject: subject, Check: check, Status: livePassed, Detail: detail}
}

// failedBy makes a finding of err: what does not answer is unknown, everything
// else is wrong.
func failedBy(subject, check string, err error) liveFinding {
	status := liveFailed
	if class := failure.ClassOf(err); class == failure.Unavailable || class == failure.Unknown {
		status = liveUnknown
	}
	return liveFinding{Subject: subject, Check: check, Status: status, Detail: firstLine(err.Error()), Hint: failure.HintOf(err)}
}

// judged makes a finding of err, or of its absence.
func judged(subject, check string, err error) liveFinding {
	if err != nil {
		return failedBy(subject, check, err)
	}
	return passed(subject, check, "")
}

// checkLive looks at everything the plan names, parts beside one another. It
// leaves nothing behind.
func (a *app) checkLive(ctx context.Context, p *plan.Plan, testMail string) []liveFinding {
	parts := []func() []liveFinding{
		func() []liveFinding { return liveRunning(p) },
		func() []liveFinding { return liveKeys(p) },
		func() []liveFinding { return livePeople(p) },
		func() []liveFinding { return liveMail(ctx, p, testMail) },
	}
	for _, one := range p.Stores {
		parts = append(parts, func() []liveFinding { return liveStore(ctx, one) })
	}
	for _, database := range p.Databases {
		for _, host := range database.Hosts {
			parts = append(parts, func() []liveFinding { return liveServer(ctx, database, host) })
		}
	}
	results := make([][]liveFinding, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { results[i] = part() })
	}
	all.Wait()
	var findings []liveFinding
	for _, result := range results {
		findings = append(findings, result...)
	}
	return findings
}

// liveRunning judges the plan for running: what a published plan may leave out.
func liveRunning(p *plan.Plan) []liveFinding {
	var findings []liveFinding
	for _, one := range p.Check(plan.ForRunning).Errors() {
		findings = append(findings, liveFinding{Subject: "plan " + one.Path, Check: "complete for running", Status: liveFailed, Detail: one.Message + ": " + one.Fix})
	}
	if len(findings) == 0 {
		findings = append(findings, passed("plan", "complete for running", ""))
	}
	return findings
}

// liveKeys reads the keys that backups are encrypted to and believed by.
func liveKeys(p *plan.Plan) []liveFinding {
	_, errRecipients := binding.Recipients(p)
	_, errTrust := binding.Trust(p)
	return []liveFinding{
		judged("recipients", "public keys can be read", errRecipients),
		judged("hosts", "signing keys can be read", errTrust),
	}
}
