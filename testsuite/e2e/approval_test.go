package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestApprovalsThatDoNotCount sends everything but a sound approval by `temporal
// workflow signal`: each is refused with its class and the next command, on the
// timeline, and the gate stands as it stood. In the end the cut-over is rejected.
func TestApprovalsThatDoNotCount(t *testing.T) {
	h := protected(t, nil)
	h.within(t, 3*time.Minute)
	damage := h.damage(t, scenario.Delete)
	started, err := h.Start(h.ctx, damage)
	h.must(t, err)
	p := &post{house: h}
	restore := p.asked(t, "gate:restore")
	t.Run("altered after signing", func(t *testing.T) { p.altered(t, restore) })
	t.Run("signed over something else", func(t *testing.T) { p.elsewhere(t, restore) })
	sound := p.approval(t, restore, p.approver(t, restore))
	p.signal(t, approval.Approve, sound)
	cutOver := p.asked(t, "gate:cut-over")
	t.Run("sent again", func(t *testing.T) {
		p.refused(t, approval.Approve, sound, failure.Refused)
		one := p.approval(t, cutOver, p.approver(t, cutOver))
		p.signal(t, approval.Approve, one)
		p.awaitStatus(t, func(s runbook.Status) bool { return len(s.Questions) > 0 && len(s.Questions[0].Approved) == 1 })
		p.refused(t, approval.Approve, one, failure.Refused)
	})
	reject := p.message(t, cutOver, approval.Reject, p.approver(t, cutOver))
	reject.Reason = "the target is wrong"
	p.signal(t, approval.Reject, p.sign(t, reject, reject.Person))
	h.must(t, h.Follow(h.ctx, watching{}))
	status := h.requireAborted(t)
	counted := 0
	for _, sender := range status.Refused {
		counted += sender.Count
	}
	if counted != p.sent {
		t.Errorf("%d messages were sent that do not count, the run counts %d", p.sent, counted)
	}
	h.requireReport(t, started.RunID, ending{
		outcome: "aborted", why: "gate \"cut-over\" was rejected", undone: []string{"Remove the recovery workspace", "Send readers back", "Resume application writes"},
	})
	h.requireUntouched(t, damage)
	h.requireReportWithoutTemporal(t, started.RunID)
}

// watching hears of everything and answers nothing.
type watching struct{}

func (watching) Step(runbook.StepReport)                                           {}
func (watching) Asked(context.Context, runbook.Status, runbook.OpenQuestion) error { return nil }

// post sends messages by hand, and counts those that are to be refused.
type post struct {
	*house
	sent     int
	sequence uint64
}

// altered changes each field of a signed message in turn, under its signature.
func (p *post) altered(t *testing.T, question runbook.OpenQuestion) {
	t.Helper()
	people := p.others(question)
	for i := range reflect.TypeFor[approval.Message]().NumField() {
		field := reflect.TypeFor[approval.Message]().Field(i)
		t.Run(field.Name, func(t *testing.T) {
			signed := p.approval(t, question, people[i%len(people)]) // whoever it is: the signature is judged first
			message, err := approval.Decode(signed.Payload)
			p.must(t, err)
			alter(t, reflect.ValueOf(&message).Elem().Field(i))
			class := failure.Forbidden
			if message.Validate() != nil { // a verdict in an approval, for one
				class = failure.InvalidInput
			}
			signed.Payload = payloadOf(t, message)
			p.refused(t, approval.Approve, signed, class)
		})
	}
}

// alter gives a field another value of its type.
func alter(t *testing.T, field reflect.Value) {
	t.Helper()
	switch value := field.Interface().(type) {
	case time.Time:
		field.Set(reflect.ValueOf(value.Add(time.Second)))
	case approval.Kind:
		field.SetString(string(approval.Acknowledge))
	case int64:
		field.SetInt(value + 1)
	case uint64:
		field.SetUint(value + 1)
	default:
		field.SetString(field.String() + "0")
	}
}

// payloadOf is the text of a message in canonical form, sound or not.
func payloadOf(t *testing.T, message approval.Message) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// elsewhere signs, with the right key, something else than what is asked, and has
// the wrong people sign what is.
func (p *post) elsewhere(t *testing.T, question runbook.OpenQuestion) {
	t.Helper()
	status, err := p.Status(p.ctx)
	p.must(t, err)
	approver := p.approver(t, question)
	outsider := p.Plan.Holders("communications-lead")[0]
	others := p.others(question)
	other := others[len(others)-1] // what a message is signed for is judged before who signed it
	for _, one := range []struct {
		name   string
		person string
		key    string // whose; empty: the person's own
		change func(*approval.Message)
		class  failure.Class
	}{
		{"another workflow", other, "", func(m *approval.Message) { m.WorkflowID += "-2" }, failure.IdentityMismatch},
		{"an earlier run", other, "", func(m *approval.Message) { m.FirstRunID = "00000000-0000-0000-0000-000000000000" }, failure.IdentityMismatch},
		{"another incident", other, "", func(m *approval.Message) { m.Incident = "INC-1" }, failure.IdentityMismatch},
		{"another plan", other, "", func(m *approval.Message) { m.PlanHash = strings.Repeat("0", 64) }, failure.IdentityMismatch},
		{"another question", approver, "", func(m *approval.Message) { m.Nonce = strings.Repeat("0", 32) }, failure.Refused},
		{"another target", approver, "", func(m *approval.Message) { m.Target += " " }, failure.IdentityMismatch},
		{"another choice", approver, "", func(m *approval.Message) { m.ChoiceHash = strings.Repeat("0", 64) }, failure.Refused},
		{"another timeline", approver, "", func(m *approval.Message) { m.TimelineHead = strings.Repeat("0", 64) }, failure.Refused},
		{"expired", outsider, "", func(m *approval.Message) {
			m.IssuedAt, m.ExpiresAt = m.IssuedAt.Add(-2*time.Hour), m.IssuedAt.Add(-time.Hour)
		}, failure.Refused},
		{"not yet issued", outsider, "", func(m *approval.Message) {
			m.IssuedAt, m.ExpiresAt = m.IssuedAt.Add(time.Hour), m.IssuedAt.Add(2*time.Hour)
		}, failure.Refused},
		{"somebody else's key", outsider, approver, func(*approval.Message) {}, failure.Forbidden},
		{"nobody of the plan", "mallory", outsider, func(*approval.Message) {}, failure.Forbidden},
		{"a role that may not", outsider, "", func(*approval.Message) {}, failure.Refused},
		{"who asked for the run", status.DeclaredBy, "", func(*approval.Message) {}, failure.Refused},
	} {
		t.Run(one.name, func(t *testing.T) {
			message := p.message(t, question, approval.Approve, one.person)
			one.change(&message)
			key := one.key
			if key == "" {
				key = one.person
			}
			p.refused(t, approval.Approve, p.sign(t, message, key), one.class)
		})
	}
}

// others are the people who may not answer question. The run puts the first eight
// refusals of a sender on the timeline one by one, so they take turns.
func (p *post) others(question runbook.OpenQuestion) (people []string) {
	holders := p.Plan.Holders(question.Roles...)
	for _, person := range p.Plan.Team.People {
		if !slices.Contains(holders, person.ID) {
			people = append(people, person.ID)
		}
	}
	return people
}

// asked waits until the run asks a question of that key.
func (p *post) asked(t *testing.T, key string) (question runbook.OpenQuestion) {
	t.Helper()
	p.awaitStatus(t, func(s runbook.Status) bool {
		i := slices.IndexFunc(s.Questions, func(q runbook.OpenQuestion) bool { return q.Key == key })
		if i >= 0 {
			question = s.Questions[i]
		}
		return i >= 0
	})
	return question
}

func (p *post) awaitStatus(t *testing.T, is func(runbook.Status) bool) {
	t.Helper()
	p.await(t, "the run", func() (bool, error) {
		status, err := p.Status(p.ctx)
		for _, question := range status.Questions {
			if strings.HasPrefix(question.Key, "failed:") {
				t.Fatalf("%s: %s", question.Title, question.Choice)
			}
		}
		return err == nil && is(status), err
	})
}

// approver may approve question and has not asked for the run.
func (p *post) approver(t *testing.T, question runbook.OpenQuestion) string {
	t.Helper()
	status, err := p.Status(p.ctx)
	p.must(t, err)
	person, err := p.Person(status, question, approval.Approve)
	p.must(t, err)
	return person
}

// message is person's answer to question, complete and not signed.
func (p *post) message(t *testing.T, question runbook.OpenQuestion, kind approval.Kind, person string) approval.Message {
	t.Helper()
	i := slices.IndexFunc(question.Templates, func(m approval.Message) bool { return m.Kind == kind })
	if i < 0 {
		t.Fatalf("%s takes no %s", question.Key, kind)
	}
	message := question.Templates[i]
	p.sequence++
	message.Person, message.Sequence, message.IssuedAt = person, p.sequence, time.Now().UTC()
	message.ExpiresAt = message.IssuedAt.Add(time.Hour)
	return message
}

func (p *post) approval(t *testing.T, question runbook.OpenQuestion, person string) approval.Signed {
	t.Helper()
	return p.sign(t, p.message(t, question, approval.Approve, person), person)
}

// signal sends a message as anybody who reaches Temporal can.
func (p *post) signal(t *testing.T, name approval.Kind, signed approval.Signed) {
	t.Helper()
	text, err := json.Marshal(signed)
	p.must(t, err)
	_, err = p.TemporalCommand(p.ctx, "workflow", "signal", "--workflow-id", p.WorkflowID(), "--name", string(name), "--input", string(text))
	p.must(t, err)
}

// refused sends a message and requires that the timeline says why it does not count.
func (p *post) refused(t *testing.T, name approval.Kind, signed approval.Signed, class failure.Class) {
	t.Helper()
	before := p.refusals(t)
	p.signal(t, name, signed)
	p.sent++
	var refusals []evidence.Entry
	p.await(t, "the refusal", func() (bool, error) {
		refusals = p.refusals(t)
		return len(refusals) > len(before), nil
	})
	entry := refusals[len(refusals)-1]
	if got := entry.Value("class"); got != string(class) || entry.Value("hint") == "" || entry.Detail == "" {
		t.Errorf("refused as %s: %s (next: %q), want class %s and a hint", got, entry.Detail, entry.Value("hint"), class)
	}
}

func (p *post) refusals(t *testing.T) (refused []evidence.Entry) {
	t.Helper()
	var timeline runbook.Timeline
	value, err := p.Client.QueryWorkflow(p.ctx, p.WorkflowID(), "", runbook.QueryTimeline)
	p.must(t, err)
	p.must(t, value.Get(&timeline))
	for _, entry := range timeline.Entries {
		if entry.Kind == evidence.GateRefused {
			refused = append(refused, entry)
		}
	}
	return refused
}

// sign signs message with a person's key, as any program that can make an SSH
// signature could.
func (h *house) sign(t *testing.T, message approval.Message, person string) approval.Signed {
	t.Helper()
	text, err := os.ReadFile(h.Keys.People[person])
	h.must(t, err)
	signer, err := ssh.ParsePrivateKey([]byte(strings.TrimSpace(string(text)) + "\n"))
	h.must(t, err)
	signed, err := approval.Sign(message, signer)
	h.must(t, err)
	return signed
}

// requireReportWithoutTemporal: the report is found while nothing but the stores is there.
func (h *house) requireReportWithoutTemporal(t *testing.T, runID string) {
	t.Helper()
	h.Temporal.Stop()
	var found fetched
	h.must(t, h.Starter(h.ctx, &found, "report", "--run", h.WorkflowID(), "--first-run-id", runID))
	if found.Compared || found.Why == "" || !strings.Contains(found.Text, "- **Outcome**: aborted") {
		t.Errorf("without Temporal: compared %v (%s)\n%.500s", found.Compared, found.Why, found.Text)
	}
}
