package walship

import (
	"context"
	"errors"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// sighting is one store's answer to a listing.
type sighting struct {
	from    store.Store
	objects []object
	strange []string // keys under the prefix that no code of ours makes
	err     error
}

// maxSighted bounds what one listing of one file's versions or pieces may yield:
// a segment has at most one piece per flush.
const maxSighted = 1 << 16

// sight lists prefix in every store at once. Answers arrive as stores give them,
// the nearest first; the channel yields one for every store and then closes.
func sight(ctx context.Context, stores []store.Store, p place, prefix string) <-chan sighting {
	answers := make(chan sighting, len(stores))
	remaining := make(chan struct{}, len(stores))
	for _, one := range stores {
		go func() {
			answers <- sightOne(ctx, one, p, prefix)
			remaining <- struct{}{}
		}()
	}
	go func() {
		for range stores {
			<-remaining
		}
		close(answers)
	}()
	return answers
}

func sightOne(ctx context.Context, from store.Store, p place, prefix string) sighting {
	seen := sighting{from: from}
	// Every version: behind a delete marker or a forged newer version lies the one
	// that was archived, and its content's hash is in its name.
	opts := store.ListOptions{Versions: from.Capabilities().Versions}
	for obj, err := range from.List(ctx, prefix, opts) {
		if err != nil {
			seen.err = failure.Wrap(failure.ClassOf(err), err, "list %s in %s", prefix, from.Name())
			return seen
		}
		if obj.DeleteMarker {
			continue
		}
		parsed, err := p.parseListed(obj)
		if err != nil {
			seen.strange = append(seen.strange, obj.Key)
			continue
		}
		seen.objects = append(seen.objects, parsed)
		if len(seen.objects) > maxSighted {
			seen.err = failure.New(failure.Corrupt, "more than %d objects under %s in %s", maxSighted, prefix, from.Name())
			return seen
		}
	}
	return seen
}

// errAbsent marks the one NotFound that may end an archive: every store was
// asked, every store answered, none has it.
var errAbsent = errors.New("every store was asked and answered")

// strangerError is why an object could not be opened, and that nothing in it shows
// that it was made to be what it is called.
type strangerError struct{ cause error }

func (e *strangerError) Error() string { return e.cause.Error() }
func (e *strangerError) Unwrap() error { return e.cause }

func isStranger(err error) bool {
	var stranger *strangerError
	return errors.As(err, &stranger)
}

// silent reports that err tells nothing about an object: nobody answered.
func silent(err error) bool {
	var trouble troubles
	trouble.add(err)
	return trouble.unanswered != nil
}

// troubles gathers why an object could not be had, so that the verdict is the
// gravest: silence over damage, damage over absence. Absence is a verdict only
// when every store said so (L29): a missing bucket, an unmounted disk or an
// object that was listed and then gone is trouble, never absence.
type troubles struct {
	corrupt, unanswered error
	silent              string // the store that did not answer
	absent              bool   // a store answered that it has none
	credible            bool   // something of it may be what was archived
}

// partlyAbsentError is why nobody can tell whether something exists: no store that
// answered has it, and one did not answer.
type partlyAbsentError struct {
	silent string
	cause  error
}

func (e *partlyAbsentError) Error() string { return e.cause.Error() }
func (e *partlyAbsentError) Unwrap() error { return e.cause }

// silence adds what came instead of a store's answer.
func (t *troubles) silence(from string, err error) {
	if t.add(err); t.silent == "" && t.unanswered != nil {
		t.silent = from
	}
}

func (t *troubles) add(err error) {
	switch failure.ClassOf(err) {
	case "":
	case failure.Corrupt, failure.Exists, failure.Forbidden, failure.IdentityMismatch:
		t.corrupt = firstOf(t.corrupt, err)
		t.credible = t.credible || !isStranger(err)
	default:
		t.unanswered = firstOf(t.unanswered, err)
		t.credible = true
	}
}

// forged says that what so many stores have is nothing that was archived: one has it,
// every other answered that it has not, and nothing shows that it was made to be there.
func (t *troubles) forged(holding int) bool {
	return t.corrupt != nil && !t.credible && holding == 1
}

func firstOf(one, other error) error {
	if one != nil {
		return one
	}
	return other
}

// verdict returns the gravest trouble, or NotFound when there was none.
func (t *troubles) verdict(what string) error {
	if t.unanswered != nil {
		cause := t.unanswered
		if t.absent && t.corrupt == nil && t.silent != "" {
			cause = &partlyAbsentError{silent: t.silent, cause: cause}
		}
		return failure.Wrap(failure.Unavailable, cause, "cannot tell whether %s exists", what)
	}
	if t.corrupt != nil {
		return failure.Wrap(failure.ClassOf(t.corrupt), t.corrupt, "no store has a good copy of %s", what)
	}
	return failure.Wrap(failure.NotFound, errAbsent, "%s is in no store", what)
}
