package stack

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// toolsVariable names a directory that is looked in before PATH.
const toolsVariable = "HOLDFAST_TOOLS"

// find returns the path of a program: from HOLDFAST_TOOLS, PATH, or dirs.
func find(name string, dirs ...string) (string, error) {
	if dir := os.Getenv(toolsVariable); dir != "" {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", failure.New(failure.NotFound, "%s is neither in $%s (%q) nor in PATH", name, toolsVariable, os.Getenv(toolsVariable)).
		WithHint("make tools")
}

// postgresVariable names the bin directory of the PostgreSQL that is used.
const postgresVariable = "HOLDFAST_POSTGRES"

// findPostgres returns the directory of PostgreSQL's server programs: named, what
// HOLDFAST_POSTGRES says, where initdb is found, else Debian's newest major version.
func findPostgres(named string) (string, error) {
	if named = cmp.Or(named, os.Getenv(postgresVariable)); named != "" {
		target, err := filepath.EvalSymlinks(named)
		return target, failure.Wrap(failure.NotFound, err, "find PostgreSQL in %s", named)
	}
	if path, err := find("initdb"); err == nil {
		target, err := filepath.EvalSymlinks(path)
		return filepath.Dir(target), failure.Wrap(failure.NotFound, err, "follow %s", path)
	}
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", failure.Wrap(failure.Internal, err, "look for PostgreSQL")
	}
	slices.SortFunc(dirs, func(a, b string) int { return majorOf(b) - majorOf(a) })
	for _, dir := range dirs {
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", failure.New(failure.NotFound, "PostgreSQL's server programs are nowhere").WithHint("make tools")
}

// majorOf reads the version out of /usr/lib/postgresql/<major>/bin; 0 where there is none.
func majorOf(bin string) int {
	major, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return major
}

// borrow makes a program executable for the stack's account: a hard link or a
// copy in the run directory, since a caller's own may lie where others cannot go.
func (s *Stack) borrow(path string) (string, error) {
	if !s.account.Switches() {
		return path, nil
	}
	to := filepath.Join(s.Dir, "bin", filepath.Base(path))
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	if target, err := filepath.EvalSymlinks(path); err == nil && os.Link(target, to) == nil {
		return to, failure.Wrap(failure.Forbidden, readableByAll(to), "borrow %s", path)
	}
	return to, copyProgram(path, to)
}

// readableByAll refuses a link whose file others may not run: changing the mode
// would change the original's.
func readableByAll(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o005 != 0o005 {
		return failure.New(failure.Forbidden, "%s may not be run by others", path).WithHint("chmod a+rx %s", path)
	}
	return err
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "copy %s", from)
	}
	defer func() { _ = in.Close() }()                                     // only read from
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) // #nosec G302 -- a program others run
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "copy %s", from)
	}
	_, err = io.Copy(out, in)
	if closing := out.Close(); err == nil {
		err = closing
	}
	return failure.Wrap(failure.Unavailable, err, "copy %s", from)
}
