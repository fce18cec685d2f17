package plan

import (
	"fmt"
	"slices"
)

func (j *judgement) checkRunbooks() {
	j.notEmpty("runbooks", len(j.p.Runbooks))
	for i, rb := range j.p.Runbooks {
		at := fmt.Sprintf("runbooks[%d]", i)
		j.text(at+".detection", rb.Detection)
		j.notEmpty(at+".services", len(rb.Services))
		j.referAll(at+".services", "service", rb.Services, j.services)
		j.checkPhases(at, rb)
		j.checkGates(at, rb)
		j.addressees(at+".notify", rb.Notify)
		j.positiveCount(at+".unattended.attempts", rb.Unattended.Attempts)
		if notice := rb.NoticeDeadWorker; notice != 0 && (notice < shortestNotice || notice > longestNotice) {
			j.errorf(at+".notice_dead_worker", "write "+shortestNotice.String()+" to "+longestNotice.String()+", or leave it out for "+Duration(DefaultNotice).String(),
				"a dead worker would be noticed after %s", notice)
		}
		if rb.MinInterval > longestInterval {
			j.errorf(at+".min_interval", "write at most "+longestInterval.String(), "monitoring would be kept from starting a run for %s", rb.MinInterval)
		}
		if (rb.AtDeadline != "") != (rb.RollbackDeadline > 0) {
			j.errorf(at, "give both, or neither", "rollback_deadline and at_deadline go together")
		}
	}
}

// checkPhases demands budgets that together keep every service's promise.
func (j *judgement) checkPhases(at string, rb Runbook) {
	j.notEmpty(at+".phases", len(rb.Phases))
	names(j, at+".phases", rb.Phases, func(p Phase) (string, string) { return "name", p.Name })
	var sum Duration
	for i, phase := range rb.Phases {
		here := fmt.Sprintf("%s.phases[%d]", at, i)
		j.positive(here+".budget", phase.Budget)
		j.notEmpty(here+".steps", len(phase.Steps))
		sum += phase.Budget
	}
	for _, name := range rb.Services {
		k, ok := j.services[name]
		if !ok {
			continue
		}
		if holds := j.p.effective(j.p.Services[k]); holds.RTO > 0 && sum > holds.RTO {
			j.errorf(at+".phases", "lower the budgets to "+holds.RTO.String()+" together",
				"the budgets sum to %s, but service %s must be back in %s (%s)", sum, name, holds.RTO, holds.RTOFrom)
		}
	}
	for i, stage := range rb.Response {
		if stage.Until > 0 && stage.Until <= stage.From {
			j.errorf(fmt.Sprintf("%s.response[%d].until", at, i), "write more than "+stage.From.String(), "the stage ends before it begins")
		}
	}
}

func (j *judgement) checkGates(at string, rb Runbook) {
	names(j, at+".gates", rb.Gates, func(g Gate) (string, string) { return "name", g.Name })
	for i, gate := range rb.Gates {
		here := fmt.Sprintf("%s.gates[%d]", at, i)
		j.positiveCount(here+".quorum", gate.Quorum)
		j.positive(here+".expiry", gate.Expiry)
		j.notEmpty(here+".roles", len(gate.Roles))
		j.referAll(here+".roles", "role", gate.Roles, j.roles)
		if !slices.ContainsFunc(rb.Phases, func(p Phase) bool { return p.Name == gate.After }) {
			j.errorf(here+".after", "name a phase of this runbook", "runbook %s has no phase %q", rb.Scenario, clip(gate.After))
		}
		j.checkQuorum(here, gate)
		for k, role := range gate.Roles {
			if _, known := j.roles[role]; known && !slices.Contains(j.p.Authority[Approve], role) {
				j.errorf(fmt.Sprintf("%s.roles[%d]", here, k), "add "+role+" to authority.approve", "role %s may not send approve", role)
			}
		}
	}
}

// checkQuorum demands people enough. The person who asks may not approve, so
// one more than the quorum keeps a gate passable whoever asks.
func (j *judgement) checkQuorum(at string, gate Gate) {
	people, signing := j.keyHolders(gate.Roles)
	switch {
	case gate.Quorum > people:
		j.errorf(at+".quorum", fmt.Sprintf("write at most %d, or add roles", people),
			"gate %s wants %d approvals, but its roles are held by %d", gate.Name, gate.Quorum, people)
	case gate.Quorum > signing:
		j.needed(at+".quorum", "add keys to the people of its roles",
			"gate %s wants %d approvals, but %d of its people can sign", gate.Name, gate.Quorum, signing)
	case gate.Quorum == people:
		j.warnf(at+".quorum", "add a role, so that another can approve",
			"gate %s needs everybody who may approve it: none of them may ask for it", gate.Name)
	}
}

func (j *judgement) checkTests() {
	for i, test := range j.p.Tests.Calendar {
		at := fmt.Sprintf("tests.calendar[%d]", i)
		j.text(at+".title", test.Title)
		if test.Runbook != "" {
			j.refer(at+".runbook", "runbook", test.Runbook, j.scenarioList)
		}
	}
	j.notEmpty("tests.calendar", len(j.p.Tests.Calendar))
	j.text("tests.report.title", j.p.Tests.Report.Title)
}

func (j *judgement) checkCommunication() {
	c := j.p.Communication
	j.text("communication.alert.title", c.Alert.Title)
	j.host("communication.status_page.domain", c.StatusPage.Domain)
	j.positive("communication.regulatory.breach_within", c.Regulatory.BreachWithin)
	j.addressees("communication.regulatory.notify", c.Regulatory.Notify)
	names(j, "communication.audiences", c.Audiences, func(a Audience) (string, string) { return "name", a.Name })
	for i, audience := range c.Audiences {
		at := fmt.Sprintf("communication.audiences[%d]", i)
		j.notEmpty(at+".levels", len(audience.Levels))
		j.notEmpty(at+".channels", len(audience.Channels))
		j.addressees(at+".notify", audience.Notify)
		if c.SMTP == nil && slices.Contains(audience.Channels, ChannelEmail) {
			j.needed(at+".channels", "add communication.smtp", "%s is told by email, but there is no mail server", audience.Name)
		}
	}
	if smtp := c.SMTP; smtp != nil {
		j.checkSMTP(smtp)
	}
}

func (j *judgement) checkSMTP(smtp *SMTP) {
	const at = "communication.smtp"
	j.hostPort(at+".address", smtp.Address)
	j.text(at+".from", smtp.From)
	j.emailIfSet(at+".from", smtp.From)
	j.absoluteIfSet(at+".ca_file", smtp.CAFile)
	if (smtp.Username == "") != (smtp.Password == "") {
		j.errorf(at, "give both, or neither", "username and password go together")
	}
	if smtp.TLS == TLSNone && smtp.Password != "" {
		j.errorf(at+".tls", "write starttls or implicit", "the password would travel in plain text")
	}
}
