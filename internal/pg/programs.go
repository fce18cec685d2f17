package pg

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// maxOutputBytes bounds what is kept of a program's output.
const maxOutputBytes = 1 << 20

// Programs runs PostgreSQL's own programs of one major version as one user.
type Programs struct {
	Dir   string
	Owner Owner
}

// FindPrograms returns the programs for dataDir: in binDir when given, else
// where Debian keeps that major version, else where pg_config points. A
// program of another major than the data directory's is refused.
func FindPrograms(binDir, dataDir string) (Programs, error) {
	owner, err := OwnerOf(dataDir)
	if err != nil {
		return Programs{}, err
	}
	major, err := DataDirMajor(dataDir)
	if err != nil {
		return Programs{}, err
	}
	for _, dir := range candidates(binDir, major) {
		if found, err := ProgramsMajor(context.Background(), dir); err == nil && found == major {
			return Programs{Dir: dir, Owner: owner}, nil
		}
	}
	return Programs{}, failure.New(failure.NotFound, "no PostgreSQL %d programs for %s in %s",
		major, dataDir, strings.Join(candidates(binDir, major), ", ")).
		WithHint("apt-get install postgresql-%d, or set bin_dir", major)
}

func candidates(binDir string, major Major) []string {
	if binDir != "" {
		return []string{binDir}
	}
	dirs := []string{filepath.Join("/usr/lib/postgresql", major.String(), "bin")}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return dirs
}

// ProgramsMajor asks the server program in dir for its major version. NotFound
// when it does not run.
func ProgramsMajor(ctx context.Context, dir string) (Major, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, failure.Wrap(failure.NotFound, err, "ask the server program in %s for its version", dir)
	}
	return parseProgramVersion(string(out))
}

// Command prepares a program with a clean environment: messages in English,
// times in UTC, and no PG* variable that could point it elsewhere.
func (p Programs) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.Dir, name), args...)
	cmd.Env = []string{"PATH=" + p.Dir + ":" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if libraries := os.Getenv("LD_LIBRARY_PATH"); libraries != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+libraries)
	}
	cmd.Dir = "/" // the caller's directory may be closed to the owner
	cmd.SysProcAttr = p.Owner.Attributes()
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Output is what a finished program said. Each stream is cut at 1 MiB.
type Output struct {
	Stdout, Stderr string
	ExitCode       int
}

// Run runs a program to its end. A program that could not be started, or was
// killed, is an error; an exit status is for the caller to judge.
func (p Programs) Run(ctx context.Context, name string, args ...string) (Output, error) {
	return Finish(p.Command(ctx, name, args...), name)
}

// Finish runs a prepared command to its end; see Run.
func Finish(cmd *exec.Cmd, name string) (Output, error) {
	stdout, stderr := &clipped{}, &clipped{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &exit) && out.ExitCode > 0:
		return out, nil
	default:
		return out, failure.Wrap(failure.Unavailable, err, "run %s", name)
	}
}

// Must turns a non-zero exit into an error of class c with the program's words.
func (o Output) Must(c failure.Class, what string) error {
	if o.ExitCode == 0 {
		return nil
	}
	words := strings.TrimSpace(o.Stderr)
	if words == "" {
		words = strings.TrimSpace(o.Stdout)
	}
	return failure.New(c, "%s: exit %d: %.2000s", what, o.ExitCode, words)
}

// clipped keeps the first maxOutputBytes written to it.
type clipped struct{ kept bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	if room := maxOutputBytes - c.kept.Len(); room > 0 {
		c.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *clipped) String() string { return c.kept.String() }
