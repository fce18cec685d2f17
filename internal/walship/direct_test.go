package walship_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/walship"
)

func TestPushAndFetchWithoutADaemonBecomeTheWorker(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	name := h.switchWAL(t)
	h.until(t, "PostgreSQL archived without a daemon", func() bool {
		return archivedIn(t, h.stores[0], name) && archivedIn(t, h.stores[1], name)
	})
	want, err := os.ReadFile(filepath.Join(h.server.DataDir, "pg_wal", name))
	if err != nil {
		t.Fatal(err)
	}
	if code := h.small(t, "fetch", name, "pg_wal/RECOVERYXLOG"); code != 0 {
		t.Fatalf("fetch exits %d", code)
	}
	target := filepath.Join(h.server.DataDir, "pg_wal", "RECOVERYXLOG")
	if got, err := os.ReadFile(target); err != nil || string(got) != string(want) {
		t.Errorf("other bytes came back: %v", err)
	}
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[int][]string{
		1:                               {"fetch", "00000002.history", "pg_wal/RECOVERYHISTORY"},
		200:                             {"fetch", "nonsense", "pg_wal/RECOVERYXLOG"},
		failure.InvalidInput.ExitCode(): {"push"},
		failure.NotFound.ExitCode():     {"push", "pg_wal/0000000100000000000000FF"},
		failure.Unavailable.ExitCode():  {"status"},
	} {
		if code := h.small(t, args...); code != want {
			t.Errorf("%v exits %d, want %d", args, code, want)
		}
	}
}

// small runs the small binary as the server's user and returns its exit code.
func (h *host) small(t testing.TB, args ...string) int {
	t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "wal"), append([]string{"--config", h.config}, args...)...)
	cmd.SysProcAttr = pgtest.Owner(t).Attributes()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if err != nil && !strings.HasPrefix(string(out), "wal: ") {
		t.Errorf("%v said %q", args, out)
	}
	return cmd.ProcessState.ExitCode()
}

func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML("tail: {disabled: true}\nheartbeat: {disabled: true}\n"))
	d := h.serve(t, h.config)
	wantClass(t, walship.Serve(t.Context(), h.options(t)), failure.Exists)
	// What a killed one left, lock file and socket, stops nobody.
	d.kill(t)
	h.serve(t, h.config)
}
