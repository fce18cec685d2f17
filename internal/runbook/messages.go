package runbook

import (
	"encoding/json"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// UpdateDecide is the update that takes a message of any kind and answers with
// a Receipt. The updates resolve, extend, commit and rollback take only their own.
const UpdateDecide = "decide"

// Updates lists the names of the updates every runbook answers.
func Updates() []string {
	return []string{UpdateDecide, string(approval.Resolve), string(approval.Extend), string(approval.Commit), string(approval.Rollback)}
}

// Signals lists the names of the signals every runbook answers: one for each
// kind of message. Their argument is an approval.Signed.
func Signals() []string {
	var names []string
	for _, kind := range approval.Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// Receipt answers a message that counted.
type Receipt struct {
	Kind    approval.Kind `json:"kind"`
	Person  string        `json:"person"`
	Title   string        `json:"title,omitempty"` // of the question it answered
	Settled bool          `json:"settled"`         // the question needs no further answer
	Missing int           `json:"missing"`         // approvals still needed
	Head    string        `json:"head"`            // of the timeline, this message included
}

// registerMessages makes signals and updates reach the same code. It comes
// before the first step, so no message can be lost.
func (rb *Run) registerMessages() error {
	for _, name := range Updates() {
		if err := rb.registerUpdate(name); err != nil {
			return failure.Wrap(failure.Internal, err, "register update %s", name)
		}
	}
	for _, name := range Signals() {
		workflow.GoNamed(rb.ctx, "signal "+name, func(ctx workflow.Context) {
			channel := workflow.GetSignalChannel(ctx, name)
			fork := rb.fork(ctx)
			for {
				var raw converter.RawValue
				channel.Receive(ctx, &raw)
				fork.signaled(name, raw)
			}
		})
	}
	return nil
}

func (rb *Run) registerUpdate(name string) error {
	handle := func(ctx workflow.Context, s approval.Signed) (Receipt, error) {
		receipt, err := rb.fork(ctx).receive(name, s)
		return receipt, outward(err)
	}
	// The validator sees size and shape only: what it rejects leaves no trace in
	// the history, and a refusal must leave one.
	return workflow.SetUpdateHandlerWithOptions(rb.ctx, name, handle, workflow.UpdateHandlerOptions{
		Validator:   func(_ workflow.Context, s approval.Signed) error { return outward(s.CheckShape()) },
		Description: "signed message (approval.Signed)",
	})
}

// signaled takes one signal. A refusal has nobody to return to: it is on the
// timeline.
func (rb *Run) signaled(name string, raw converter.RawValue) {
	var s approval.Signed
	data := raw.Payload().GetData()
	if len(data) > 2*(approval.MaxPayloadBytes+approval.MaxSignatureBytes) {
		rb.refuse(approval.Message{}, failure.Invalid("signal", "%d bytes long", len(data)))
		return
	}
	if err := json.Unmarshal(data, &s); err != nil {
		rb.refuse(approval.Message{}, failure.Wrap(failure.InvalidInput, err, "decode signal %s", name))
		return
	}
	_, _ = rb.receive(name, s) // recorded by receive, whichever way it went
}

// drain takes every signal that has arrived, so that a continuation loses none.
func (rb *Run) drain() {
	for _, name := range Signals() {
		channel := workflow.GetSignalChannel(rb.ctx, name)
		for {
			var raw converter.RawValue
			if !channel.ReceiveAsync(&raw) {
				break
			}
			rb.signaled(name, raw)
		}
	}
}

// receive judges one message and carries it out. It never blocks. via is the
// name of the signal or update it came by.
func (rb *Run) receive(via string, s approval.Signed) (Receipt, error) {
	m, err := rb.judge(via, s)
	if err != nil {
		rb.refuse(m, err)
		return Receipt{}, err
	}
	receipt, err := rb.apply(m, s)
	if err != nil {
		rb.refuse(m, err)
		return Receipt{}, err
	}
	rb.show()
	return receipt, nil
}
