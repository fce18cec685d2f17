package pgtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/terragonlabs/holdfast/internal/pg"
)

// BinDir returns the directory with PostgreSQL's programs, or fails the test.
func BinDir(t testing.TB) string {
	t.Helper()
	if named := os.Getenv("HOLDFAST_POSTGRES"); named != "" {
		target, err := filepath.EvalSymlinks(named)
		if err != nil || !executable(filepath.Join(target, "postgres")) {
			t.Fatalf("HOLDFAST_POSTGRES=%s has no PostgreSQL server: %v", named, err)
		}
		return target
	}
	if tools := os.Getenv("HOLDFAST_TOOLS"); tools != "" && executable(filepath.Join(tools, "postgres")) {
		return tools
	}
	if found, err := exec.LookPath("postgres"); err == nil {
		// A link to the server alone has none of the other programs beside it.
		if target, err := filepath.EvalSymlinks(found); err == nil {
			return filepath.Dir(target)
		}
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no PostgreSQL programs in $HOLDFAST_TOOLS, PATH or /usr/lib/postgresql: run `make tools`")
	}
	slices.Sort(dirs)
	return filepath.Dir(dirs[len(dirs)-1])
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// Owner is the user test servers run as: this one, or as root postgres or nobody.
func Owner(t testing.TB) pg.Owner {
	t.Helper()
	self := pg.Owner{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if !self.Switches() {
		return self
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return pg.Owner{UID: 65534, GID: 65534}
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	if errUID != nil || errGID != nil {
		t.Fatalf("user postgres has no numeric id: %v %v", errUID, errGID)
	}
	return pg.Owner{UID: uint32(uid), GID: uint32(gid)}
}

// Dir returns a directory that belongs to the servers' user, removed with the
// test. Its path is short enough for a Unix socket.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") //nolint:usetesting // t.TempDir is too long for a socket and closed to the servers' user
	if err != nil {
		t.Fatalf("make a directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := Owner(t).Give(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Port returns a loopback port that was free a moment ago.
func Port(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%v is no TCP address", listener.Addr())
	}
	return address.Port
}

// run runs one program as the servers' user and fails the test with its words.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	programs := pg.Programs{Dir: BinDir(t), Owner: Owner(t)}
	out, err := programs.Run(t.Context(), name, args...)
	if err != nil || out.ExitCode != 0 {
		t.Fatalf("%s: %v: %s%s", name, err, out.Stdout, out.Stderr)
	}
}

// firstWithChecksums is the major whose initdb turns page checksums on by itself.
const firstWithChecksums = 18

func initdb(t testing.TB, dir string, o options) {
	t.Helper()
	args := []string{
		"-D", dir, "-U", "postgres", "--no-sync", "--no-locale", "-E", "UTF8",
		"--auth-local=trust", "--auth-host=scram-sha-256", fmt.Sprintf("--wal-segsize=%d", o.walSegMiB),
	}
	switch {
	case o.checksums:
		args = append(args, "--data-checksums")
	case Major(t) >= firstWithChecksums:
		args = append(args, "--no-data-checksums")
	}
	run(t, "initdb", args...)
}
