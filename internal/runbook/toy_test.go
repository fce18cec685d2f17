package runbook_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// Door is a small world of its own: a service behind a door, and data to move.
// Its activities are as real as a door can be: closing what is closed is fine,
// and opening what is open too.
type Door struct {
	mu      sync.Mutex
	closed  bool
	effects []string
	told    []Way
	fail    map[string][]error // by effect: one per call, then success
	before  func(effect string)
}

var door *Door

type Way struct {
	Name string
	To   []string `json:",omitempty"` // people to tell
}

type Seen struct{ Closed bool }

func (d *Door) act(effect string, change func()) error {
	if d.before != nil {
		d.before(effect)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.effects = append(d.effects, effect)
	if errs := d.fail[effect]; len(errs) > 0 {
		d.fail[effect] = errs[1:]
		if errs[0] != nil {
			return boundary.Out(errs[0])
		}
	}
	change()
	return nil
}

func (d *Door) Look(context.Context, Way) (Seen, error) {
	err := d.act("look", func() {})
	return Seen{d.closed}, err
}

func (d *Door) Close(_ context.Context, w Way) (Seen, error) {
	return Seen{true}, d.act("close", func() { d.closed = true })
}

func (d *Door) Open(_ context.Context, w Way) (Seen, error) {
	return Seen{false}, d.act("open", func() { d.closed = false })
}

func (d *Door) Move(ctx context.Context, w Way) (Seen, error) {
	activity.RecordHeartbeat(ctx)
	return Seen{}, d.act("move", func() {})
}

func (d *Door) Sweep(context.Context, Way) (Seen, error) { return Seen{}, d.act("sweep", func() {}) }

// Tell notes what people are told. That a question is open is no effect of its own.
func (d *Door) Tell(_ context.Context, w Way) (Seen, error) {
	d.mu.Lock()
	d.told = append(d.told, w)
	d.mu.Unlock()
	if strings.HasPrefix(w.Name, "Target: ") {
		return Seen{}, nil
	}
	return Seen{}, d.act("tell", func() {})
}

func (d *Door) seen() (effects []string, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.effects), d.closed
}

type Input struct {
	Plan        plan.Extract
	Mode        runbook.Mode
	Requester   string
	Automatic   bool
	Declaration *approval.Signed
	Disrupted   time.Time
	Carried     *runbook.Carried
}

type Result struct {
	Summary runbook.Summary
	Seen    Seen
}

// MoveHouse is the runbook of these tests.
func MoveHouse(ctx workflow.Context, in Input) (Result, error) {
	rb, err := runbook.Open(ctx, runbook.Spec{
		Incident: "INC-1", Plan: in.Plan, Mode: in.Mode, Requester: in.Requester, Automatic: in.Automatic, Declaration: in.Declaration, Disrupted: in.Disrupted,
		Target: "door 1", Phases: []string{"look", "move", "end"}, Gates: []string{"move"},
		Notify: tell, Carried: in.Carried,
		Continue: func(c *runbook.Carried) error {
			in.Carried = c
			return workflow.NewContinueAsNewError(ctx, MoveHouse, in)
		},
	})
	if err != nil {
		return Result{}, err
	}
	var result Result
	err = moveHouse(rb, &result)
	result.Summary, err = rb.Close(err)
	return result, err
}

func moveHouse(rb *runbook.Run, result *Result) error {
	way := Way{Name: "house"}
	if err := rb.Enter("look"); err != nil {
		return err
	}
	seen, err := runbook.Do(rb, "Look at the door", door.Look, way, runbook.Probe)
	if err != nil {
		return err
	}
	result.Seen = seen
	if err := rb.Declare(); err != nil {
		return err
	}
	if err := runbook.Teardown(rb, "Sweep", door.Sweep, way); err != nil {
		return err
	}
	if err := runbook.Undo(rb, "Open the door", door.Open, way); err != nil {
		return err
	}
	if _, err := runbook.Do(rb, "Close the door", door.Close, way, runbook.Mutate, runbook.Required()); err != nil {
		return err
	}
	if err := rb.Gate("move", map[string]string{"to": "the other house"}); err != nil {
		return err
	}
	if err := rb.Enter("move"); err != nil {
		return err
	}
	if _, err := runbook.Do(rb, "Move the data", door.Move, way, runbook.Transfer); err != nil {
		return err
	}
	provisional, err := rb.Provisional("Keep the new house?", way)
	if err != nil {
		return err
	}
	if err := rb.Enter("end"); err != nil {
		return err
	}
	if _, err := runbook.Do(rb, "Look again", door.Look, way, runbook.Probe); err != nil {
		return err
	}
	rb.Happened(runbook.Verified)
	return provisional.Wait()
}

func tell(rb *runbook.Run, n runbook.Notice) error {
	way := Way{Name: n.Detail}
	for _, addressee := range n.To {
		way.To = append(way.To, addressee.ID)
	}
	_, err := runbook.Do(rb, "Tell: "+n.Title, door.Tell, way, runbook.Announce)
	return err
}

// TooEarly changes something before it was declared.
func TooEarly(ctx workflow.Context, in Input) (Result, error) {
	rb, err := runbook.Open(ctx, runbook.Spec{Incident: "INC-1", Plan: in.Plan})
	if err != nil {
		return Result{}, err
	}
	err = rb.Enter("look")
	if err == nil {
		_, err = runbook.Do(rb, "Close the door", door.Close, Way{}, runbook.Mutate)
	}
	var result Result
	result.Summary, err = rb.Close(err)
	return result, err
}

func bad() error { return failure.New(failure.CheckFailed, "the door is stuck").WithHint("oil it") }
