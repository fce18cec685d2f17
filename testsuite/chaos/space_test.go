//go:build chaos

package chaos_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/testsuite/stack"
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

// fill restores twice into a disk of its own, that only it sees: once with
// somebody else filling it meanwhile, and once when there is room again.
const fill = `
mount -t tmpfs -o "size=$SIZE$OWNER" tmpfs "$DIR" || exit 90
if [ -n "$OWNER" ]; then set -- setpriv --reuid "$UID_" --regid "$GID_" --clear-groups "$@"; fi
"$@" >"$OUT/first.out" 2>"$OUT/first.err" & restore=$!
while kill -0 $restore 2>/dev/null && [ ! -d "$DIR/data/data/base" ]; do sleep 0.01; done
dd if=/dev/zero of="$DIR/filler" bs=64k 2>/dev/null
wait $restore; echo $? >"$OUT/first.rc"
rm "$DIR/filler"
"$@" >"$OUT/second.out" 2>"$OUT/second.err"
`

// TestDiskFullInTheMiddleOfARestore: it says so, and the same command goes on when
// there is room.
func TestDiskFullInTheMiddleOfARestore(t *testing.T) {
	b := shared(t)
	sets, err := b.Sets(b.ctx)
	must(t, err)
	newest := sets[len(sets)-1]
	for _, server := range []string{stack.StoreS3, stack.StoreGCS} {
		must(t, b.net.Way(server).Slow(10*time.Millisecond, 3000)) // so that there is a middle
	}
	dir, out := b.ownDir(t), t.TempDir()
	namespaces := []string{"--mount"}
	if os.Geteuid() != 0 {
		namespaces = append(namespaces, "--user", "--map-root-user")
	}
	command := exec.CommandContext(b.ctx, "unshare", append(namespaces, "sh", "-c", fill, "fill", b.Program("starter"), "--plan", b.PlanFile, "-o", "json",
		"backup", "restore", "--database", b.Stack.Database().Name, "--set", newest.ID, "--to", filepath.Join(dir, "data"), "--key", b.recipient(t))...)
	command.Env = append(os.Environ(), "DIR="+dir, "OUT="+out, fmt.Sprintf("SIZE=%d", newest.SizeBytes+300<<20))
	if os.Geteuid() == 0 {
		as := b.Account()
		command.Env = append(command.Env, fmt.Sprintf("OWNER=,uid=%d,gid=%d", as.UID, as.GID), fmt.Sprintf("UID_=%d", as.UID), fmt.Sprintf("GID_=%d", as.GID))
	}
	if text, err := command.CombinedOutput(); err != nil {
		second, _ := os.ReadFile(filepath.Join(out, "second.err"))
		t.Fatalf("%v: %s %s", err, text, second)
	}
	text, err := os.ReadFile(filepath.Join(out, "first.err"))
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
