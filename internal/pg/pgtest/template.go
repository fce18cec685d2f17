package pgtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// populate fills dir with a cluster: a copy of the template, or a fresh one.
func populate(t testing.TB, dir string, o options) {
	t.Helper()
	if o.fresh {
		initdb(t, dir, o)
		return
	}
	out, err := exec.CommandContext(t.Context(), "cp", "-a", template(t), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("copy the template: %v: %s", err, out)
	}
}

// template returns an initialized cluster shared by every test process of this
// user and these programs. Processes that race make one each; the first rename wins.
func template(t testing.TB) string {
	t.Helper()
	owner := Owner(t)
	name := filepath.Join(os.TempDir(), "holdfast-pgtest-"+fingerprint(t, owner))
	if usable(name, owner) {
		return name
	}
	building, err := os.MkdirTemp("", "holdfast-pgtest-building") //nolint:usetesting // must be open to the servers' user
	if err != nil {
		t.Fatalf("make a template: %v", err)
	}
	defer func() { _ = os.RemoveAll(building) }()
	if err := owner.Give(building); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(building, "data")
	initdb(t, made, defaults())
	if err := os.Rename(made, name); err != nil && !usable(name, owner) {
		t.Fatalf("keep the template: %v", err)
	}
	return name
}

// usable guards a shared temporary directory: another user's template is not ours.
func usable(dir string, owner pg.Owner) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	found, err := pg.OwnerOf(dir)
	return err == nil && found.UID == owner.UID
}

// fingerprint changes with the user and with the programs.
func fingerprint(t testing.TB, owner pg.Owner) string {
	t.Helper()
	binary := filepath.Join(BinDir(t), "postgres")
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatalf("look at %s: %v", binary, err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %d", binary, info.Size(), info.ModTime().UnixNano(), owner.UID))
	return hex.EncodeToString(sum[:8])
}
