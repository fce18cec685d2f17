package memory

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/terragonlabs/holdfast/internal/store"
)

// Counted is a store that counts how often an object is asked for.
type Counted struct {
	store.Store

	Gets atomic.Int64
}

// Get implements store.Store.
func (c *Counted) Get(ctx context.Context, key string, opts store.GetOptions) (io.ReadCloser, store.Object, error) {
	c.Gets.Add(1)
	return c.Store.Get(ctx, key, opts)
}
