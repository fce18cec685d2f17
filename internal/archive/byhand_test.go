package archive_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
)

// byHand prepares a GnuPG home with one recipient's private key and the host's
// public key, and returns a function that runs the script.
func (f *fixture) byHand() func(cfg archive.RestoreConfig, storeDir string, options ...string) (string, error) {
	f.t.Helper()
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // t.TempDir is too long for agent sockets
	must(f.t, err)
	f.t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	private, err := f.offline.Armored()
	must(f.t, err)
	public, err := f.host.Public().Armored()
	must(f.t, err)
	for _, key := range []string{private, public} {
		cmd := exec.Command("gpg", "--homedir", home, "--batch", "--quiet", "--import")
		cmd.Stdin = strings.NewReader(key)
		if out, err := cmd.CombinedOutput(); err != nil {
			f.t.Fatalf("gpg --import: %v\n%s", err, out)
		}
	}
	return func(cfg archive.RestoreConfig, storeDir string, options ...string) (string, error) {
		args := append([]string{"../../deploy/restore-by-hand.sh"}, options...)
		for link, dir := range cfg.Map {
			args = append(args, "-m", link+"="+dir)
		}
		cmd := exec.Command("sh", append(args, filepath.Join(storeDir, "objects"), source, string(cfg.SetID), cfg.Target)...)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

func TestRestoreByHand(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.populate()
	f.backup(f.config(archive.Full))
	must(t, os.WriteFile(filepath.Join(f.data, "base/1/new"), random(200_000, 99), 0o600))
	inc, _ := f.backup(f.config(archive.Incremental))
	if len(inc.References) == 0 {
		t.Fatal("the set refers to no earlier one")
	}
	run := f.byHand()
	cfg := f.restoreConfig(inc.Set)
	if out, err := run(cfg, f.dirs[0]); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.same(cfg)

	unverified := f.restoreConfig(inc.Set)
	if out, err := run(unverified, f.dirs[1], "-n"); err != nil {
		t.Fatalf("without the host's key: %v\n%s", err, out)
	}
	f.same(unverified)

	unmapped := f.restoreConfig(inc.Set)
	unmapped.Map = nil
	if out, err := run(unmapped, f.dirs[0]); err == nil || !strings.Contains(out, "-m pg_tblspc/16400=") {
		t.Fatalf("unmapped tablespace: %v\n%s", err, out)
	}
	f.each(f.dirs[1], "set.json", func(path string) { flipFile(t, path, 120) })
	if out, err := run(f.restoreConfig(inc.Set), f.dirs[1]); err == nil || !strings.Contains(out, "signature is not good") {
		t.Fatalf("changed descriptor: %v\n%s", err, out)
	}
	f.each(f.dirs[0], "parts/00000000", func(path string) { flipFile(t, path, -40) })
	if out, err := run(f.restoreConfig(inc.Set), f.dirs[0]); err == nil || !strings.Contains(out, "damaged") {
		t.Fatalf("changed part: %v\n%s", err, out)
	}
}
