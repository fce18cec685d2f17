package walship

import (
	"context"
	"errors"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// outcome is what came of offering a parcel to every store.
type outcome struct {
	held    []string // stores that hold it
	lacking []string // stores that failed, or had not answered when patience ended
	err     error    // what went wrong at lacking, joined; nil while they were merely slow
}

// conflict returns the refusal of a store that holds other content, if any.
func (o outcome) conflict() error {
	var classed *failure.Error
	if failure.Is(o.err, failure.Exists) && errors.As(o.err, &classed) {
		return classed
	}
	return nil
}

// offer puts the parcel into all stores at once. It returns when every store
// has answered, or, where one copy suffices, when one holds it and patience is
// over; late answers go to late. Stores known to be down are left to the
// repairer unless all are.
func (a *Archiver) offer(ctx context.Context, p parcel, late func(storeName string, err error)) outcome {
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(a.shelves))
	allDown := a.allDown() // before the first answers
	for _, one := range a.shelves {
		if one.down.Load() && !allDown {
			answers <- answer{one.Name(), failure.New(failure.Unavailable, "store %s did not answer last time", one.Name())}
			continue
		}
		a.background.Go(func() { answers <- answer{one.Name(), a.offerOne(ctx, one, p)} })
	}
	var out outcome
	waiting := make(map[string]bool, len(a.shelves))
	for _, one := range a.shelves {
		waiting[one.Name()] = true
	}
	var problems []error
	impatient := newPatience(a.settings.Archive.Patience)
	defer impatient.stop()
	for len(waiting) > 0 && !impatient.over {
		select {
		case got := <-answers:
			delete(waiting, got.name)
			if got.err != nil {
				problems = append(problems, got.err)
				out.lacking = append(out.lacking, got.name)
				continue
			}
			out.held = append(out.held, got.name)
			if a.settings.Archive.Require == settings.RequireAny {
				impatient.start()
			}
		case <-impatient.done():
			impatient.over = true
		}
	}
	for name := range waiting {
		out.lacking = append(out.lacking, name)
	}
	if remaining := len(waiting); remaining > 0 {
		a.background.Go(func() {
			for range remaining {
				got := <-answers
				late(got.name, got.err)
			}
		})
	}
	out.err = joinProblems(problems)
	return out
}

// offerOne outlives the request it came with: a slow store may still take the
// object after another one's answer was acknowledged. It ends with the archiver.
func (a *Archiver) offerOne(ctx context.Context, one *shelf, p parcel) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.settings.Archive.Timeout)
	defer cancel()
	stop := context.AfterFunc(a.ctx, cancel) //nolint:contextcheck // two contexts end it
	defer stop()
	err := one.deposit(ctx, p, a.settings.Archive.RetainFor)
	// Only trouble of the store itself marks it down; the parcel's own does not.
	switch failure.ClassOf(err) {
	case "":
		one.down.Store(false)
	case failure.Unavailable, failure.Unknown, failure.Forbidden, failure.NotFound, failure.InsufficientSpace:
		one.down.Store(true)
	default:
	}
	return err
}

func (a *Archiver) allDown() bool {
	for _, one := range a.shelves {
		if !one.down.Load() {
			return false
		}
	}
	return true
}

// joinProblems joins errors under the gravest class: a conflict is what a
// caller must hear of first.
func joinProblems(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	for _, err := range problems {
		if failure.Is(err, failure.Exists) {
			return err
		}
	}
	return failure.Wrap(failure.ClassOf(problems[0]), errors.Join(problems...), "%d store(s) failed", len(problems))
}

// patience is a timer that starts late.
type patience struct {
	span  time.Duration
	timer *time.Timer
	over  bool
}

func newPatience(span time.Duration) *patience { return &patience{span: span} }

func (p *patience) start() {
	if p.timer == nil {
		p.timer = time.NewTimer(p.span)
	}
}

func (p *patience) done() <-chan time.Time {
	if p.timer == nil {
		return nil
	}
	return p.timer.C
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
