package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// debianPackage is one package and a probe that says whether what it brings is
// there already, whoever installed it.
type debianPackage struct {
	name    string
	present func() bool
}

// needed is what everything but checks runs on.
var needed = []debianPackage{
	{"postgresql", havePostgres},
	{"pgbouncer", have("pgbouncer", "/usr/sbin", "/usr/local/sbin")},
	{"gnupg", have("gpg")},
	{"zstd", have("zstd")},
	{"openssh-client", have("ssh-keygen")},
	{"tar", have("tar")},
	{"ca-certificates", haveCertificates},
}

// examiners are what tests look with.
var examiners = []debianPackage{
	{"attr", have("setfattr")},
}

// peers are what the benchmark measures against, beside tar, gzip and gpg.
var peers = []debianPackage{
	{"pgbackrest", have("pgbackrest")},
	{"gzip", have("gzip")},
}

// packagesFor returns the packages that need asks for; checks need none.
func packagesFor(need string) []debianPackage {
	switch need {
	case needCheck:
		return nil
	case needBench:
		return slices.Concat(needed, peers)
	case needAll:
		return slices.Concat(needed, examiners)
	default:
		return needed
	}
}

// installPackages installs what is missing. Twice: the second time nothing is missing.
func installPackages(ctx context.Context, wanted []debianPackage) error {
	var missing []string
	for _, pkg := range wanted {
		if !pkg.present() {
			missing = append(missing, pkg.name)
		}
	}
	if len(missing) == 0 {
		fmt.Println("tools: Debian packages  complete")
		return nil
	}
	line := "apt-get install --yes --no-install-recommends " + strings.Join(missing, " ")
	_, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return failure.New(failure.NotFound, "not installed: %s", strings.Join(missing, ", ")).WithHint("sudo %s", line)
	}
	return quietly(func() error {
		fmt.Println("tools:", line)
		if err := apt(ctx, "update", "--quiet=2"); err != nil {
			return err
		}
		return apt(ctx, strings.Fields(line)[1:]...)
	}, missing)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...) // #nosec G204 -- names come from the table above
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return failure.Wrap(failure.Unavailable, cmd.Run(), "apt-get %s", args[0])
}

// have returns a probe for a program in PATH or one of dirs.
func have(name string, dirs ...string) func() bool {
	return func() bool {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
		for _, dir := range dirs {
			if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return true
			}
		}
		return false
	}
}

// havePostgres looks for server programs of one major version with pg_amcheck
// (14 and later) and the amcheck extension, in Debian's layout or in PATH.
func havePostgres() bool {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is constant and well formed
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		complete := true
		for _, name := range []string{"postgres", "initdb", "pg_ctl", "pg_waldump", "pg_verifybackup", "pg_amcheck", "pg_basebackup", "pgbench"} {
			_, err := exec.LookPath(filepath.Join(dir, name))
			complete = complete && err == nil
		}
		if complete && haveAmcheck(dir) {
			return true
		}
	}
	return false
}

func haveAmcheck(bin string) bool {
	share := "/usr/share/postgresql/" + filepath.Base(filepath.Dir(bin))
	if out, err := exec.Command(filepath.Join(bin, "pg_config"), "--sharedir").Output(); err == nil { //nolint:noctx // prints one line // #nosec G204 -- found beside initdb
		share = strings.TrimSpace(string(out))
	}
	_, err := os.Stat(filepath.Join(share, "extension", "amcheck.control"))
	return err == nil
}

func haveCertificates() bool {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}
