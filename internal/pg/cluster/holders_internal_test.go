package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHiddenProcesses: who hides where it works and may be a server leaves the
// server's death unproved; a keeper of keys beside it does not.
func TestHiddenProcesses(t *testing.T) {
	t.Parallel()
	for comm, want := range map[string]bool{"postgres\n": true, "postmaster\n": true, "edb-postgres\n": true, "gpg-agent\n": false, "starter\n": false} {
		proc := t.TempDir()
		if err := os.WriteFile(filepath.Join(proc, "comm"), []byte(comm), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := maybeServer(proc); got != want {
			t.Errorf("%q: %v", comm, got)
		}
	}
	if maybeServer(t.TempDir()) {
		t.Error("a process that ended meanwhile counts")
	}
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, "comm"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !maybeServer(unreadable) {
		t.Error("a process nobody can name does not count")
	}
	if self := maybeServer("/proc/self"); self {
		t.Error("this test is taken for a server")
	}
	for name, h := range map[string]holders{"hidden": {hidden: []int{7}}, "no /proc": {blind: true}, "a stranger in it": {pids: []int{7}}} {
		if got := judge(Process{}, h, ctlStopped); got.Life != UnknownLife || got.Reason == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := judge(Process{}, holders{}, ctlStopped); got.Life != Stopped {
		t.Errorf("nothing there: %+v", got)
	}
}
