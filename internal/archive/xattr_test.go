package archive_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	aclAccess  = "system.posix_acl_access"
	aclDefault = "system.posix_acl_default"
)

// xattrDir returns a directory whose file system keeps user.* attributes and
// access control lists.
func xattrDir(t *testing.T) string {
	t.Helper()
	candidates := []string{t.TempDir()}
	for _, base := range []string{"/var/tmp", "/dev/shm"} {
		if dir, err := os.MkdirTemp(base, "xattr-*"); err == nil { //nolint:usetesting // other file systems than t.TempDir's
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			candidates = append(candidates, dir)
		}
	}
	var refused error
	for _, dir := range candidates {
		err := errors.Join(
			unix.Setxattr(dir, "user.probe", []byte("x"), 0), unix.Removexattr(dir, "user.probe"),
			unix.Setxattr(dir, aclAccess, acl(7, 7, 7), 0), unix.Removexattr(dir, aclAccess),
			os.Chmod(dir, 0o700),
		)
		if err == nil {
			return dir
		}
		refused = errors.Join(refused, err)
	}
	t.Fatalf("neither %s keeps user.* attributes and access control lists (%v): set TMPDIR to a directory on ext4, xfs or btrfs",
		strings.Join(candidates, " nor "), refused)
	return ""
}

// acl is a list in the kernel's form (linux/posix_acl_xattr.h): owner, one named
// user, the group with nothing, the mask, others with nothing.
func acl(owner, named, mask uint16) []byte {
	const nobody, everybody = 65534, 0xffffffff
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, permissions uint16
		id               uint32
	}{{1, owner, everybody}, {2, named, nobody}, {4, 0, everybody}, {0x10, mask, everybody}, {0x20, 0, everybody}} {
		list = binary.LittleEndian.AppendUint16(list, entry.tag)
		list = binary.LittleEndian.AppendUint16(list, entry.permissions)
		list = binary.LittleEndian.AppendUint32(list, entry.id)
	}
	return list
}

func set(t *testing.T, path, name string, value []byte) {
	t.Helper()
	if err := unix.Setxattr(path, name, value, 0); err != nil {
		t.Fatalf("set %s of %s: %v", name, path, err)
	}
}

// attributesBelow returns every attribute below a directory, as path and name,
// but those that the machine itself gives.
func attributesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	buf := make([]byte, 64<<10)
	for path := range snapshot(t, dir) {
		full := filepath.Join(dir, path)
		n, err := unix.Llistxattr(full, buf)
		must(t, err)
		for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
			if name == "" || name == "security.selinux" {
				continue
			}
			value := make([]byte, 64<<10)
			n, err := unix.Lgetxattr(full, name, value)
			must(t, err)
			found[path+" "+name] = string(value[:n])
		}
	}
	return found
}

// attributed is a source with attributes of every kind that this user may set.
func attributed(t *testing.T) (f *fixture, asked []string) {
	t.Helper()
	f = newFixtureIn(t, xattrDir(t))
	f.populate()
	at := func(name string) string { return filepath.Join(f.data, name) }
	set(t, at("PG_VERSION"), "user.checksum", []byte("crc32c:0011"))
	set(t, at("PG_VERSION"), "user.empty", nil)
	set(t, at("global/pg_control"), "user.odd \"name\"\n%", []byte("\x00\xff\"\n"))
	set(t, at("base/1/empty"), "user.large", random(3000, 5))
	set(t, at("base/1"), "user.of-a-directory", []byte("x"))
	set(t, at("."), "user.of-the-root", []byte("x"))
	set(t, at("base/1/1000"), aclAccess, acl(6, 6, 6))
	set(t, at("base/16384"), aclDefault, acl(7, 5, 7))
	set(t, filepath.Join(f.space, "PG_15/5/3000"), "user.in-a-tablespace", []byte("x"))
	asked = []string{"user.", aclAccess, aclDefault}
	readOnly := at("base/1/read only") // who is not root must loosen its mode to set anything
	must(t, os.Chmod(readOnly, 0o600))
	set(t, readOnly, "user.quiet", []byte("x"))
	set(t, readOnly, aclAccess, acl(4, 4, 4))
	if os.Geteuid() == 0 {
		set(t, at("base/1/1001"), "trusted.overlay", []byte("y"))
		set(t, at("base/1/1001"), "security.capability", []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
		asked = append(asked, "trusted.", "security.capability")
	}
	return f, asked
}

// restoreBeside is a restore on the file system of the source.
func (f *fixture) restoreBeside(set archive.SetID) archive.RestoreConfig {
	f.t.Helper()
	base, err := os.MkdirTemp(filepath.Dir(f.data), "restored-*")
	must(f.t, err)
	cfg := f.restoreConfig(set)
	cfg.Target, cfg.Map = filepath.Join(base, "data"), map[string]string{"pg_tblspc/16400": filepath.Join(base, "space")}
	return cfg
}

// sameAttributes fails unless a restore has the source's attributes, and all else.
func (f *fixture) sameAttributes(t *testing.T, cfg archive.RestoreConfig) {
	t.Helper()
	f.same(cfg)
	for source, restored := range map[string]string{f.data: cfg.Target, f.space: cfg.Map["pg_tblspc/16400"]} {
		if diff := cmp.Diff(attributesBelow(t, source), attributesBelow(t, restored)); diff != "" {
			t.Fatalf("attributes differ (-source +restored):\n%s", diff)
		}
	}
}

func TestXattrsAreKeptWhereAsked(t *testing.T) {
	t.Parallel()
	f, asked := attributed(t)
	cfg := f.config(archive.Full)
	cfg.Xattrs = asked
	full, _ := f.backup(cfg)
	restore := f.restoreBeside(full.Set)
	_, err := archive.Restore(context.Background(), restore)
	must(t, err)
	f.sameAttributes(t, restore)

	set(t, filepath.Join(f.data, "base/1/1003"), "user.later", []byte("z"))
	cfg = f.config(archive.Incremental)
	cfg.Xattrs = asked
	d, _ := f.backup(cfg)
	if d.Kind != archive.Incremental {
		t.Fatalf("kind %s", d.Kind)
	}
	restore = f.restoreBeside(d.Set)
	_, err = archive.Restore(context.Background(), restore)
	must(t, err)
	f.sameAttributes(t, restore)
}

// TestXattrsNotAskedForAreNotKept: by default none, and else those named only.
func TestXattrsNotAskedForAreNotKept(t *testing.T) {
	t.Parallel()
	f, _ := attributed(t)
	for _, c := range []struct {
		asked, want []string
	}{
		{nil, nil},
		{[]string{"user.empty"}, []string{"PG_VERSION user.empty"}},
		{[]string{"user.of-", aclAccess}, []string{"base/1/1000 " + aclAccess, "base/1/read only " + aclAccess}},
	} {
		cfg := f.config(archive.Full)
		cfg.Xattrs = c.asked
		d, _ := f.backup(cfg)
		restore := f.restoreBeside(d.Set)
		_, err := archive.Restore(context.Background(), restore)
		must(t, err)
		f.same(restore)
		found := attributesBelow(t, restore.Target)
		for _, one := range c.want {
			if _, there := found[one]; !there {
				t.Errorf("asked for %q: %s is missing", c.asked, one)
			}
		}
		if len(found) != len(c.want) {
			t.Errorf("asked for %q: %q", c.asked, found)
		}
	}
}

// TestDeltaRestoreRepairsXattrs that are missing, other, or too many, and leaves
// alone what the set does not keep.
func TestDeltaRestoreRepairsXattrs(t *testing.T) {
	t.Parallel()
	f, asked := attributed(t)
	cfg := f.config(archive.Full)
	cfg.Xattrs = asked[1:] // all but user.
	bare, _ := f.backup(cfg)
	cfg = f.config(archive.Full)
	cfg.Xattrs = asked
	d, _ := f.backup(cfg)
	restore := f.restoreBeside(d.Set)
	_, err := archive.Restore(context.Background(), restore)
	must(t, err)

	at := func(name string) string { return filepath.Join(restore.Target, name) }
	set(t, at("PG_VERSION"), "user.checksum", []byte("crc32c:0012"))
	must(t, unix.Removexattr(at("base/1"), "user.of-a-directory"))
	set(t, at("base/1/zeros"), "user.stray", []byte("x"))
	set(t, at("base/1/1002"), aclAccess, acl(7, 7, 7))
	must(t, unix.Removexattr(at("base/1/1000"), aclAccess))
	restore.Delta = true
	_, err = archive.Restore(context.Background(), restore)
	must(t, err)
	f.sameAttributes(t, restore)

	set(t, at("PG_VERSION"), "user.mine", []byte("x"))
	restore.SetID = bare.Set
	_, err = archive.Restore(context.Background(), restore)
	must(t, err)
	if found := attributesBelow(t, restore.Target); found["PG_VERSION user.mine"] != "x" || found["PG_VERSION user.empty"] != "" {
		t.Errorf("a set that keeps no user.* changed them: %v", found)
	}
}

// TestXattrThatCannotBeSet ends a restore, naming file and attribute, unless best
// effort is asked for; then it is listed. No Linux file system knows the namespace.
func TestXattrThatCannotBeSet(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := newFixture(t)
	f.populate()
	cfg := f.config(archive.Full)
	cfg.Xattrs = []string{"nowhere."}
	w, err := archive.NewWriter(ctx, cfg)
	must(t, err)
	must(t, w.Add(ctx, f.files(archive.Live)))
	w.GiveXattrs("base/1/1000", archive.Xattr{Name: "nowhere.label", Value: []byte("x")})
	d, _, err := w.Commit(ctx, archive.Attributes{})
	must(t, err)
	must(t, w.Close())

	restore := f.restoreConfig(d.Set)
	_, err = archive.Restore(ctx, restore)
	if !failure.Is(err, failure.Forbidden) || failure.HintOf(err) == "" ||
		!strings.Contains(err.Error(), "base/1/1000") || !strings.Contains(err.Error(), "nowhere.label") {
		t.Fatalf("%v, hint %q", err, failure.HintOf(err))
	}
	restore.BestEffortXattrs = true // and the restore that stopped goes on
	result, err := archive.Restore(ctx, restore)
	must(t, err)
	f.same(restore)
	if !result.Resumed || result.XattrsUnset != 1 || len(result.XattrsLeft) != 1 ||
		result.XattrsLeft[0].Path != "base/1/1000" || result.XattrsLeft[0].Name != "nowhere.label" || result.XattrsLeft[0].Why == "" {
		t.Fatalf("%+v", result.XattrsLeft)
	}
}

func TestXattrsAskedForMustBeNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, name := range []string{"", "user", ".user", "user.a\x00b", "user." + strings.Repeat("x", 255)} {
		cfg := f.config(archive.Full)
		cfg.Xattrs = []string{name}
		if _, err := archive.NewWriter(context.Background(), cfg); !failure.Is(err, failure.InvalidInput) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRestoreXattrsByHand(t *testing.T) {
	t.Parallel()
	f, asked := attributed(t)
	set(t, filepath.Join(f.data, "base/16384/2000"), "user.nearly-large", bytes.Repeat([]byte("v"), 2000))
	backup := f.config(archive.Full)
	backup.Xattrs = asked
	d, _ := f.backup(backup)
	run := f.byHand()
	cfg := f.restoreBeside(d.Set)
	if out, err := run(cfg, f.dirs[0]); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.sameAttributes(t, cfg)
}

// TestByHandSaysWhichXattrsItLeft, one by one, and restores all else: refused by
// the file system, and where there is no setfattr.
func TestByHandSaysWhichXattrsItLeft(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	f.populate()
	backup := f.config(archive.Full)
	backup.Xattrs = []string{"nowhere."}
	w, err := archive.NewWriter(ctx, backup)
	must(t, err)
	must(t, w.Add(ctx, f.files(archive.Live)))
	w.GiveXattrs("base/1/1000", archive.Xattr{Name: "nowhere.a label", Value: []byte("x")}, archive.Xattr{Name: "nowhere.none"})
	d, _, err := w.Commit(ctx, archive.Attributes{})
	must(t, err)
	must(t, w.Close())

	run := f.byHand()
	for _, path := range []string{os.Getenv("PATH"), pathWithout(t, "setfattr")} {
		t.Setenv("PATH", path)
		cfg := f.restoreConfig(d.Set)
		out, err := run(cfg, f.dirs[0])
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, want := range []string{"attribute nowhere.a%20label of base/1/1000", "attribute nowhere.none of base/1/1000", "2 extended attributes were left"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not said:\n%s", want, out)
			}
		}
		f.same(cfg)
	}
}

// pathWithout is a directory with a link to every program of PATH but one.
func pathWithout(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range filepath.SplitList(os.Getenv("PATH")) {
		entries, err := os.ReadDir(from)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
			continue
		}
		must(t, err)
		for _, entry := range entries {
			if entry.Name() == program {
				continue
			}
			if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(dir, entry.Name())); err != nil && !errors.Is(err, os.ErrExist) {
				t.Fatal(err)
			}
		}
	}
	return dir
}
