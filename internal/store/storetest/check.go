package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Target is a store under test.
type Target struct {
	Store  store.Store
	Prefix string // everything is written below it; "" is fine
	// Rival writes to the same bucket as an attacker with stolen credentials
	// could. Nil: the checks that need one are reported as not shown.
	Rival Rival
	// BigBytes is the size of the big object: above the store's threshold for
	// uploads in pieces. 0 means 80 MiB.
	BigBytes int64
}

// Rival does what the contract refuses to do. Keys are the store's keys.
type Rival interface {
	// Overwrite puts body under key, whatever is there, and records digest for it.
	Overwrite(ctx context.Context, key string, body []byte, digest store.Digest) error
	// Hide deletes key without naming a version.
	Hide(ctx context.Context, key string) error
}

// Check shows one promise.
type Check struct {
	Name    string
	Promise string // what a user may rely on when it is shown
	// Run writes below prefix, which nobody else uses. It returns nil when the
	// promise held, a *NotShownError, or what broke it.
	Run func(ctx context.Context, target Target, prefix string) error
}

// NotShownError is the reason why a check could not be made.
type NotShownError struct{ Reason string }

// Error implements error.
func (n *NotShownError) Error() string { return "not shown here: " + n.Reason }

// Verdict is how a check ended.
type Verdict string

// The verdicts.
const (
	Shown    Verdict = "shown"
	NotShown Verdict = "not shown here"
	Broken   Verdict = "broken"
)

// Result is the outcome of one check.
type Result struct {
	Check   string        `json:"check"`
	Promise string        `json:"promise"`
	Verdict Verdict       `json:"verdict"`
	Detail  string        `json:"detail,omitempty"` // why it is not shown, or what broke
	Took    time.Duration `json:"took"`
	Err     error         `json:"-"`
}

// Report runs every check, one after the other.
func Report(ctx context.Context, target Target) []Result {
	checks := Checks()
	results := make([]Result, 0, len(checks))
	for _, check := range checks {
		results = append(results, check.Do(ctx, target))
	}
	return results
}

// Do runs the check below a fresh prefix and removes what it left there.
func (c Check) Do(ctx context.Context, target Target) Result {
	began := time.Now()
	prefix := fmt.Sprintf("%sholdfast-check/%s-%s/", target.Prefix, c.Name, rand.Text())
	err := c.Run(ctx, target, prefix)
	if cleanupErr := remove(ctx, target.Store, prefix); cleanupErr != nil {
		err = errors.Join(err, fmt.Errorf("remove %s: %w", prefix, cleanupErr))
	}
	result := Result{Check: c.Name, Promise: c.Promise, Verdict: Shown, Took: time.Since(began), Err: err}
	var notShown *NotShownError
	switch {
	case err == nil:
	case errors.As(err, &notShown) && err == error(notShown): //nolint:errorlint // joined with another error it is broken
		result.Verdict, result.Detail = NotShown, notShown.Reason
	default:
		result.Verdict, result.Detail = Broken, err.Error()
	}
	return result
}

const (
	// removeTimeout is above the longest lock a check sets.
	removeTimeout = 90 * time.Second
	removeEvery   = 500 * time.Millisecond
)

// remove deletes every version below prefix, waiting for locks to run out. It
// runs also when the check was cancelled.
func remove(ctx context.Context, s store.Store, prefix string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	for {
		err := removeOnce(ctx, s, prefix)
		if err == nil || !failure.Is(err, failure.Forbidden) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(removeEvery):
		}
	}
}

func removeOnce(ctx context.Context, s store.Store, prefix string) error {
	var found []store.Object
	for obj, err := range s.List(ctx, prefix, store.ListOptions{Versions: true}) {
		if err != nil {
			return err
		}
		found = append(found, obj)
	}
	for _, obj := range found {
		if err := s.Delete(ctx, obj.Key, obj.Version); err != nil {
			return err
		}
	}
	return nil
}
