package majors

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Installed is a major version that can be used.
type Installed struct {
	Source
	BinDir  string
	Version string   // as postgres --version says
	Missing []string // programs and extensions that it lacks
	Lent    []string // client programs of another major that work with its server
}

// mark is written last into an installation; it names source and place.
const mark = ".holdfast"

// Ensure installs one major below dir unless it is there. Errors: Unavailable
// when it cannot be fetched, Forbidden when dir cannot be written or servers'
// users cannot reach it, CheckFailed when what was installed does not run.
func Ensure(ctx context.Context, dir string, source Source) (Installed, error) {
	place := filepath.Join(dir, source.Major.String())
	if err := reachable(dir); err != nil {
		return Installed{}, err
	}
	if !marked(place, source) {
		if err := install(ctx, place, source); err != nil {
			return Installed{}, advise(source, err)
		}
	}
	return Look(ctx, dir, source)
}

// advise says what to do without the source; a hint from further in goes first.
func advise(source Source, err error) error {
	wrapped := failure.New(failure.ClassOf(err), "install %s", source)
	wrapped.Cause, wrapped.Hint = err, failure.HintOf(err)
	if wrapped.Hint != "" {
		return wrapped
	}
	return wrapped.WithHint("try again when the archive answers, install PostgreSQL %s in /usr/lib/postgresql/%s, which is then used, "+
		"or go on without it: make majors MAJORS=15", source.Major, source.Major)
}

func install(ctx context.Context, place string, source Source) error {
	building := place + ".building"
	for _, old := range []string{building, place} {
		if err := os.RemoveAll(old); err != nil {
			return failure.Wrap(failure.Forbidden, err, "remove what an earlier run left")
		}
	}
	if err := os.MkdirAll(building, 0o755); err != nil { // #nosec G301 -- servers run as another user
		return failure.Wrap(failure.Forbidden, err, "make %s", building)
	}
	if err := source.fill(ctx, building, place); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(building, mark), []byte(source.String()+" at "+place+"\n"), 0o644); err != nil { // #nosec G306 -- no secret
		return failure.Wrap(failure.Forbidden, err, "mark %s as complete", building)
	}
	return failure.Wrap(failure.Forbidden, os.Rename(building, place), "put %s in its place", source)
}

// fill makes in building what will be used at place.
func (s Source) fill(ctx context.Context, building, place string) error {
	system := filepath.Join("/usr/lib/postgresql", s.Major.String(), "bin")
	switch {
	case len(missing(system)) == 0:
		return link(system, building)
	case s.suite != "":
		return s.fromDebian(ctx, building, place)
	default:
		return s.fromNPM(ctx, building, filepath.Dir(place))
	}
}

func link(bin, building string) error {
	return failure.Wrap(failure.Forbidden, os.Symlink(bin, filepath.Join(building, "bin")), "link to %s", bin)
}

func marked(place string, source Source) bool {
	text, err := os.ReadFile(filepath.Join(place, mark)) // #nosec G304 -- below the caller's directory
	return err == nil && string(text) == source.String()+" at "+place+"\n"
}

// Look asks what Ensure installed below dir. What does not run loses its mark, and
// the next Ensure installs it again.
func Look(ctx context.Context, dir string, source Source) (Installed, error) {
	place := filepath.Join(dir, source.Major.String())
	bin := filepath.Join(place, "bin")
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").CombinedOutput() // #nosec G204 -- installed above
	version := strings.TrimSpace(string(said))
	if err != nil || !strings.Contains(version, "(PostgreSQL) "+source.Major.String()) {
		_ = os.Remove(filepath.Join(place, mark)) // the error below is the one to report
		return Installed{}, failure.New(failure.CheckFailed, "%s does not run: %.500s", source, version).
			WithHint("make majors installs it; when that does not help, go on without it: make majors MAJORS=15")
	}
	return Installed{Source: source, BinDir: bin, Version: version, Missing: missing(bin), Lent: source.lent(bin)}, nil
}

// programs that tests run, and files that extensions consist of.
func wanted() []string {
	return []string{"postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_verifybackup", "pg_waldump", "pgbench"}
}

// missing names what bin lacks of what tests use.
func missing(bin string) []string {
	var lacks []string
	for _, name := range wanted() {
		if _, err := exec.LookPath(filepath.Join(bin, name)); err != nil {
			lacks = append(lacks, name)
		}
	}
	if !hasAmcheck(bin) {
		lacks = append(lacks, "amcheck")
	}
	return lacks
}

// hasAmcheck looks for the extension in Debian's layout, and where a prefix of
// its own has it.
func hasAmcheck(bin string) bool {
	target, err := filepath.EvalSymlinks(bin)
	if err != nil {
		return false
	}
	prefix := filepath.Dir(target)
	for _, share := range []string{filepath.Join(prefix, "../../../share/postgresql", filepath.Base(prefix)), filepath.Join(prefix, "share/postgresql")} {
		if _, err := os.Stat(filepath.Join(share, "extension", "amcheck.control")); err == nil {
			return true
		}
	}
	return false
}

// reachable refuses a directory that the servers' user cannot enter: as root,
// servers run as somebody else.
func reachable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { // #nosec G301 -- see above
		return failure.Wrap(failure.Forbidden, err, "make %s", dir)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	for at := dir; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return failure.Wrap(failure.NotFound, err, "look at %s", at)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return failure.New(failure.Forbidden, "servers run as another user than root, and others may not enter %s", at).
				WithHint("make majors HOLDFAST_MAJORS=/var/cache/holdfast/majors")
		}
	}
	return nil
}
