//go:build chaos

package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// fullDisk puts a disk of 24 MB under a directory of the WAL daemon. Only root may
// mount one; for other users the spool's own bound takes its place.
func (b *bed) fullDisk(t *testing.T, dir string) (restore func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return b.smallSpool(t)
	}
	calm := b.spooling(t, func(*settings.Settings) {})
	b.WAL.Kill()
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=24m,mode=0700,uid=%d,gid=%d", b.Account().UID, b.Account().GID)))
	must(t, b.WAL.Again(b.ctx))
	return func() {
		b.WAL.Kill()
		must(t, unix.Unmount(dir, 0))
		calm()
	}
}

// restoreTwice restores into a disk of its own, that only it sees: once with
// somebody else filling it meanwhile, and once when there is room again.
const restoreTwice = `
mount -t tmpfs -o "size=$SIZE$OWNER" tmpfs "$DIR" || exit 90
if [ -n "$OWNER" ]; then set -- setpriv --reuid "$UID_" --regid "$GID_" --clear-groups "$@"; fi
"$@" >"$OUT/first.out" 2>"$OUT/first.err" && exit 91
rm "$DIR/filler" || exit 92
"$@" >"$OUT/second.out" 2>"$OUT/second.err"
`

// fill leaves no room on the disk that only process pid sees at dir.
func fill(pid int, dir string) error {
	file, err := os.Create(filepath.Join(fmt.Sprintf("/proc/%d/root", pid), dir, "filler"))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // what is written does not matter
	for block := make([]byte, 1<<16); ; {
		if _, err := file.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
}

// TestDiskFullInTheMiddleOfARestore: it says so, and the same command goes on when
// there is room.
func TestDiskFullInTheMiddleOfARestore(t *testing.T) {
	b := shared(t)
	sets, err := b.Sets(b.ctx)
	must(t, err)
	newest := sets[len(sets)-1]
	dir, out := b.ownDir(t), t.TempDir()
	namespaces := []string{"--mount"}
	if os.Geteuid() != 0 {
		namespaces = append(namespaces, "--user", "--map-root-user")
	}
	command := exec.CommandContext(b.ctx, "unshare", append(namespaces, "sh", "-c", restoreTwice, "restore-twice", b.Program("starter"), "--plan", b.PlanFile, "-o", "json",
		"backup", "restore", "--database", b.Stack.Database().Name, "--set", newest.ID, "--to", filepath.Join(dir, "data"), "--key", b.recipient(t))...)
	command.Env = append(os.Environ(), "DIR="+dir, "OUT="+out, fmt.Sprintf("SIZE=%d", newest.SizeBytes+300<<20))
	if os.Geteuid() == 0 {
		as := b.Account()
		command.Env = append(command.Env, fmt.Sprintf("OWNER=,uid=%d,gid=%d", as.UID, as.GID), fmt.Sprintf("UID_=%d", as.UID), fmt.Sprintf("GID_=%d", as.GID))
	}
	filling := fault{name: "the disk filled", inject: func(*bed) (func() error, error) { return nothing, fill(command.Process.Pid, dir) }}
	_, disarm := b.arm(t, kind{name: "the read of a part", method: "GET", words: []string{"/parts/"}, faults: []fault{filling}})
	text, err := command.CombinedOutput()
	disarm()
	if err != nil {
		second, _ := os.ReadFile(filepath.Join(out, "second.err"))
		t.Fatalf("%v: %s %s", err, text, second)
	}
	text, err = os.ReadFile(filepath.Join(out, "first.err"))
	must(t, err)
	var refused struct {
		Class failure.Class `json:"class"`
		Hint  string        `json:"hint"`
	}
	last := strings.LastIndex("\n"+strings.TrimSpace(string(text)), "\n{")
	if err := json.Unmarshal([]byte(strings.TrimSpace(string(text))[max(0, last):]), &refused); err != nil || refused.Class != failure.InsufficientSpace || refused.Hint == "" {
		t.Fatalf("the disk was full, it said %s (%v)", text, err)
	}
	var restored restoredOut
	text, err = os.ReadFile(filepath.Join(out, "second.out"))
	must(t, err)
	if err := json.Unmarshal(text, &restored); err != nil || restored.Judged == "" {
		t.Errorf("with room again: %s (%v)", text, err)
	}
	told(t, targetDiskFull, "the restore ends as "+string(refused.Class)+" and says what to do; the same command went on when there was room", "PostgreSQL's own judge: "+restored.Judged)
}
