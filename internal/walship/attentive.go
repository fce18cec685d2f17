package walship

import (
	"context"
	"iter"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// silenceLimit is how long a listing waits for a store to say the next thing. It bounds
// a store that says nothing, not one that has much to say.
const silenceLimit = 10 * time.Second

// attentive is a store whose listings end, with failure.Unavailable, once it has said
// nothing for silenceLimit.
type attentive struct{ store.Store }

// List implements store.Store.
func (a attentive) List(ctx context.Context, prefix string, opts store.ListOptions) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		silent := failure.New(failure.Unavailable, "store %s has said nothing for %s", a.Name(), silenceLimit)
		timer := time.AfterFunc(silenceLimit, func() { cancel(silent) })
		defer timer.Stop()
		for obj, err := range a.Store.List(ctx, prefix, opts) {
			timer.Reset(silenceLimit)
			if err != nil && context.Cause(ctx) != nil {
				err = failure.Wrap(failure.Unavailable, context.Cause(ctx), "list")
			}
			if !yield(obj, err) {
				return
			}
		}
	}
}
