package majors

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// keyring holds the keys of Debian's archives.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// fromDebian unpacks server, client programs and the libraries that they need.
func (s Source) fromDebian(ctx context.Context, building, place string) error {
	apt, err := newApt(ctx, building, s.suite)
	if err != nil {
		return err
	}
	packages, err := apt.closure(ctx, "postgresql-"+s.Major.String(), "postgresql-client-"+s.Major.String(), "patchelf")
	if err != nil {
		return err
	}
	files, err := apt.download(ctx, packages)
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := output(ctx, "", "dpkg-deb", "--extract", file, building); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(apt.dir); err != nil {
		return failure.Wrap(failure.Forbidden, err, "remove the packages that were unpacked")
	}
	return s.relocate(ctx, building, place)
}

// apt is an apt-get whose lists, cache and sources are its own.
type apt struct{ dir string }

// newApt fetches the list of one suite from the mirror that apt is set up with.
func newApt(ctx context.Context, building, suite string) (apt, error) {
	a := apt{dir: filepath.Join(building, "apt")}
	if _, err := os.Stat(keyring); err != nil {
		return a, failure.New(failure.NotFound, "%s is not there: what comes from Debian's archives could not be proved", keyring).
			WithHint("apt-get install debian-archive-keyring")
	}
	mirror, err := debianMirror(ctx)
	if err != nil {
		return a, err
	}
	for _, dir := range []string{"lists/partial", "archives/partial", "files"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil { // #nosec G301 -- no secret
			return a, failure.Wrap(failure.Forbidden, err, "make apt's directories")
		}
	}
	for name, text := range map[string]string{
		"sources.list": "deb [signed-by=" + keyring + "] " + mirror + " " + suite + " main\n",
		"status":       "", // nothing is installed: every dependency is listed
		"apt.conf":     withoutHooks,
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil { // #nosec G306 -- no secret
			return a, failure.Wrap(failure.Forbidden, err, "set apt up")
		}
	}
	_, err = output(ctx, "", "apt-get", append(a.options(), "--quiet=2", "update")...)
	return a, err
}

// withoutHooks keeps what the system does after its own updates, such as emptying
// its cache, from being done after these.
const withoutHooks = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"

func (a apt) options() []string {
	return []string{
		"-c", a.dir + "/apt.conf", "-o", "Dir::State=" + a.dir, "-o", "Dir::State::status=" + a.dir + "/status", "-o", "Dir::Cache=" + a.dir,
		"-o", "Dir::Etc::sourcelist=" + a.dir + "/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::Etc::preferences=/dev/null", "-o", "Dir::Etc::preferencesparts=/dev/null",
		"-o", "APT::Update::Error-Mode=any", // an archive that did not answer is an error, not a warning
		"-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}
}

// closure returns roots and the libraries they need, however indirectly.
func (a apt) closure(ctx context.Context, roots ...string) ([]string, error) {
	args := append(a.options(), "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
		"--no-replaces", "--no-enhances")
	text, err := output(ctx, "", "apt-cache", append(args, roots...)...)
	if err != nil {
		return nil, err
	}
	packages := slices.Clone(roots)
	for line := range strings.Lines(text) {
		name := strings.TrimSpace(line)
		if strings.TrimRight(line, "\n") == name && isLibrary(name) {
			packages = append(packages, name)
		}
	}
	return packages, nil
}

// isLibrary: of a package's dependencies only libraries matter to programs that
// are run from where they lie. LLVM is for compiling queries, which they do without.
func isLibrary(name string) bool {
	for _, other := range []string{"libllvm", "libz3", "libperl", "libpam-modules", "libc-l10n", "libc-bin", "libdebian"} {
		if strings.HasPrefix(name, other) {
			return false
		}
	}
	return name == "zlib1g" || strings.HasPrefix(name, "lib") && !strings.HasSuffix(name, "-perl")
}

// download fetches packages, proved against the archive's signature.
func (a apt) download(ctx context.Context, packages []string) ([]string, error) {
	into := filepath.Join(a.dir, "files")
	if _, err := output(ctx, into, "apt-get", append(append(a.options(), "--quiet=2", "download"), packages...)...); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(into, "*.deb"))
	if err != nil || len(files) != len(packages) {
		return nil, failure.New(failure.Unavailable, "apt-get fetched %d of %d packages", len(files), len(packages))
	}
	return files, nil
}

// debianMirror returns the address of Debian's archive: HOLDFAST_DEBIAN, else the
// one apt has on this system.
func debianMirror(ctx context.Context) (string, error) {
	if mirror := os.Getenv("HOLDFAST_DEBIAN"); mirror != "" {
		return mirror, nil
	}
	text, err := output(ctx, "", "apt-get", "indextargets", "--format", "$(SITE) $(LABEL)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if site, label, _ := strings.Cut(strings.TrimSpace(line), " "); label == "Debian" {
			return site, nil
		}
	}
	return "", failure.New(failure.NotFound, "apt has no archive of Debian on this system").
		WithHint("apt-get update, or name one: HOLDFAST_DEBIAN=ADDRESS")
}

// output runs a program in dir and returns what it printed.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- from this package's tables
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	return string(out), failure.Wrap(failure.Unavailable, err, "%s: %.1000s", name, strings.TrimSpace(words.String()))
}
