package wire_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

// TestL29ACallThatCannotBeReadAborts: a restore_command that is misspelt, or that another
// program of ours got, is not the end of WAL. What only archives keeps its codes.
func TestL29ACallThatCannotBeReadAborts(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil,
		{"fetch"},
		{"fetch", "name", "path"},
		{"--config", "file"},
		{"--config", "file", "fetch", "name"},
		{"--config", "file", "wal", "fetch", "name", "path"},
		{"wal", "--config", "file", "fetch", "name", "path"},
		{"--conf", "file", "fetch", "name", "path"},
	} {
		call, err := wire.ParseCall(args)
		if code := call.Exit(err); err == nil || code != wire.FetchAbort {
			t.Errorf("%q: %v, exit %d, want %d", args, err, code, wire.FetchAbort)
		}
	}
	call, err := wire.ParseCall([]string{"--config", "file", "push"})
	if code := call.Exit(err); code < 2 || code > 125 {
		t.Errorf("push without a path exits %d", code)
	}
}

const asCrash = "HOLDFAST_TEST_AS_CRASH"

// TestL29ACrashBesideTheCallAborts: a panic that no Guard sees would exit with 2.
func TestL29ACrashBesideTheCallAborts(t *testing.T) {
	t.Parallel()
	if os.Getenv(asCrash) != "" {
		wire.AbortOnCrash()
		go panic("beside the call")
		select {}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asCrash+"=1")
	cmd.Dir = t.TempDir()
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("a crash ends with %v", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Errorf("a crash ends with %v, want SIGABRT", err)
	}
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("a crash left %v, %v", left, err)
	}
}
