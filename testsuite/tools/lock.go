package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const lockPoll = 200 * time.Millisecond

// lock makes dir and lets one installer at a time work in it. The kernel
// releases the lock when the process ends, however it ends.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, failure.Wrap(failure.Forbidden, err, "make the tools directory")
	}
	file, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- dir is the caller's choice
	if err != nil {
		return nil, failure.Wrap(failure.Forbidden, err, "open the lock of the tools directory")
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil // closing releases the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = file.Close() // the lock's error is the one to report
			return nil, failure.Wrap(failure.Unavailable, err, "lock %s", dir)
		}
		if !said {
			fmt.Println("tools: waiting for another make that installs into", dir)
		}
		select {
		case <-ctx.Done():
			_ = file.Close() // nothing was locked
			return nil, failure.Wrap(failure.Unavailable, ctx.Err(), "wait for the lock of %s", dir)
		case <-time.After(lockPoll):
		}
	}
}
