package runbook

import (
	"slices"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// Caps per sender. There are at most as many senders as people in the plan, and
// one more for everybody else, so messages cannot fill the timeline.
const (
	maxAccepted        = 256 // messages that counted
	maxRefusedRecorded = 8   // refusals with an entry of their own; then only counted
	// unknownSender stands for everybody the plan does not know.
	unknownSender = "unknown"
)

// sender is what a run remembers of one person's messages.
type sender struct {
	Person   string `json:"person"`
	Sequence uint64 `json:"sequence"` // of the last message that counted
	Accepted int    `json:"accepted"`
	Refused  int    `json:"refused"`
	Recorded int    `json:"recorded"` // refusals with an entry of their own
}

// senderOf returns the record of person, or of "unknown" for one the plan does
// not know. The pointer is good until the next call.
func (rb *Run) senderOf(person string) *sender {
	if rb.spec.keysOf(person) == nil {
		person = unknownSender
	}
	i := slices.IndexFunc(rb.book.Senders, func(s sender) bool { return s.Person == person })
	if i < 0 {
		rb.book.Senders = append(rb.book.Senders, sender{Person: person})
		i = len(rb.book.Senders) - 1
	}
	return &rb.book.Senders[i]
}

// count remembers a message that counted, so that it counts once.
func (rb *Run) count(m approval.Message) {
	who := rb.senderOf(m.Person)
	who.Sequence = m.Sequence
	who.Accepted++
}

// refuse records a message that did not count. The sender is as claimed: a
// refusal may be because the claim is false. After the cap refusals are counted
// and stand on the timeline in one entry when the run ends.
func (rb *Run) refuse(m approval.Message, cause error) {
	who := rb.senderOf(m.Person)
	who.Refused++
	if who.Recorded >= maxRefusedRecorded {
		return
	}
	who.Recorded++
	rb.record(evidence.Entry{
		Kind: evidence.GateRefused, Title: "Message refused", Actor: who.Person, Detail: cause.Error(),
		Data: []evidence.Pair{
			{Key: "class", Value: string(failure.ClassOf(cause))},
			{Key: "kind", Value: string(m.Kind)},
			{Key: "hint", Value: rb.hintFor(cause)},
		},
	})
}

// hintFor is what to do about a message that did not count: most were signed over
// something else than what is asked now.
func (rb *Run) hintFor(cause error) string {
	if hint := failure.HintOf(cause); hint != "" || !namesSigningKeys(rb.ctx) {
		return hint
	}
	return "starter status --run " + shellQuote(rb.id.WorkflowID) + " shows what is asked; sign that"
}

// recordRefused puts the refusals beyond the cap on the timeline, in aggregate.
func (rb *Run) recordRefused() {
	for _, who := range rb.book.Senders {
		if more := who.Refused - who.Recorded; more > 0 {
			rb.record(evidence.Entry{
				Kind: evidence.MessageRefused, Title: "Further messages refused", Actor: who.Person,
				Data: []evidence.Pair{{Key: "count", Value: decimal(more)}},
			})
		}
	}
}

// refusedCounts lists who sent messages that did not count.
func (rb *Run) refusedCounts() []RefusedCount {
	var counts []RefusedCount
	for _, who := range rb.book.Senders {
		if who.Refused > 0 {
			counts = append(counts, RefusedCount{Sender: who.Person, Count: who.Refused})
		}
	}
	return counts
}
