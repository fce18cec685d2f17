package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	runPrefix  = "holdfast-stack-"
	ownerFile  = "owner"
	sweepGrace = 5 * time.Second
)

// stopPostmasters ends PostgreSQL servers whose data directories are under dir:
// those a worker started by pg_ctl have no parent to end them.
func stopPostmasters(dir string) error {
	var errs []error
	walk := func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir // removed meanwhile: nothing runs there
		case entry.Name() == "base" || entry.Name() == "pg_wal":
			return fs.SkipDir // large, and never holds a PID file
		case entry.Name() == "postmaster.pid":
			errs = append(errs, stopPostmaster(path))
		}
		return nil
	}
	errs = append(errs, filepath.WalkDir(dir, walk))
	return errors.Join(errs...)
}

// stopPostmaster ends the server that a PID file names, when that process really
// works in this file's directory: a PID may belong to somebody else by now.
func stopPostmaster(pidFile string) error {
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "read %s", pidFile)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !worksIn(pid, filepath.Dir(pidFile)) {
		return nil //nolint:nilerr // a half-written or stale file names no server of ours
	}
	// At once, without a checkpoint: the files are removed next.
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, sig); err != nil {
			return nil //nolint:nilerr // it has ended
		}
		if gone(pid, sweepGrace) {
			return nil
		}
	}
	return failure.New(failure.Unavailable, "PostgreSQL server %d of %s does not end", pid, filepath.Dir(pidFile))
}

func worksIn(pid int, dir string) bool {
	working, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && working == dir
}

func gone(pid int, within time.Duration) bool {
	deadline := time.After(within)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if syscall.Kill(pid, 0) != nil || isZombie(pid) {
			return true
		}
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
}

// isZombie reports whether the process has ended and only waits for its parent.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, found := strings.Cut(string(stat), ") ")
	return found && strings.HasPrefix(after, "Z")
}

// markOwner writes who a run directory belongs to: PID and start time, since
// PIDs are used again.
func markOwner(dir string) error {
	return failure.Wrap(failure.Forbidden, os.WriteFile(filepath.Join(dir, ownerFile), []byte(processID(os.Getpid())), 0o600), "mark the run directory")
}

// processID names a running process for good; "" when there is none.
func processID(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(after); len(fields) > 19 {
		return fmt.Sprintf("%d %s", pid, fields[19]) // field 22: start time
	}
	return ""
}

// sweepDead removes run directories of this user whose process was killed.
func sweepDead(ctx context.Context, log *zap.Logger) {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), runPrefix+"*"))
	if err != nil {
		log.Warn("look for stacks left behind", zap.Error(err))
	}
	for _, dir := range dirs {
		mark, err := os.ReadFile(filepath.Join(dir, ownerFile))
		if err != nil || ctx.Err() != nil {
			continue // another user's, or being made just now
		}
		first, _, _ := strings.Cut(string(mark), " ")
		pid, err := strconv.Atoi(first)
		if err != nil || (processID(pid) == string(mark) && !isZombie(pid)) {
			continue // it still runs
		}
		log.Info("removing a stack that was left behind", zap.String("dir", dir))
		if err := errors.Join(stopPostmasters(dir), os.RemoveAll(dir)); err != nil {
			log.Warn("a stack that was left behind stays", zap.String("dir", dir), zap.Error(err))
		}
	}
}
