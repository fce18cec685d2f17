package walship

import (
	"context"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// drainLimit is how long a process that pushes one file waits for stores that
// are slower than the acknowledgement needs.
const drainLimit = 10 * time.Second

// Push archives one file without a daemon. What some store lacks afterwards is
// in the spool, for the next daemon. A daemon that holds the spool at the same
// time makes this failure.Unavailable: PostgreSQL tries again and reaches it.
func Push(ctx context.Context, opts Options, path string) error {
	lock, err := lockSpool(ctx, opts.Settings.Spool.Dir, pushLockPatience)
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "push without the daemon")
	}
	defer func() { _ = lock.Close() }() // the kernel drops the lock either way
	archiver, err := OpenArchiver(ctx, opts)
	if err != nil {
		return err
	}
	defer archiver.Close()
	err = archiver.Push(ctx, path)
	archiver.drain(drainLimit)
	return err
}

// Fetch restores one file without a daemon, and without prefetching: a process
// that ends cannot read ahead.
func Fetch(ctx context.Context, opts Options, name, path string) error {
	opts.Settings.Fetch.Prefetch = 0 // and so the prefetch directory stays a daemon's own
	fetcher, err := OpenFetcher(opts)
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "fetch %s", name)
	}
	defer fetcher.Close()
	return fetcher.Fetch(ctx, name, path)
}
