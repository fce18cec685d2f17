package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

const awaitEvery = 200 * time.Millisecond

// await asks again and again until the process that serves this recovery is back. The
// server may be stopped meanwhile, which ends this process by a signal. Errors:
// Unavailable once the server that recovers is gone, since a program left behind would
// hold its data directory for ever.
func await(s settings.Settings, request wire.Request) (wire.Answer, error) {
	again := time.NewTicker(awaitEvery)
	defer again.Stop()
	for range again.C {
		if !serverLives(s.DataDir) {
			break
		}
		answer, err := wire.Ask(context.Background(), s.Socket, request, askTimeout)
		if !errors.Is(err, wire.ErrNoDaemon) {
			return answer, err
		}
	}
	return wire.Answer{}, failure.New(failure.Unavailable, "the server of %s is gone: nobody waits for %s any more", s.DataDir, request.Name)
}

// serverLives reports whether the process that postmaster.pid names is there. Its first
// line is the pid (src/include/utils/pidfile.h).
func serverLives(dataDir string) bool {
	content, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return err == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
